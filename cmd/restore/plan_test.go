package restore

import "testing"

func TestOnlyAFileHasAFileSystemsRoom(t *testing.T) {
	if freeFor("/dev/null") != nil {
		t.Error("a device has a file system's room")
	}
	if free := freeFor(t.TempDir() + "/new"); free == nil || *free <= 0 {
		t.Errorf("a new file: %v", free)
	}
}
