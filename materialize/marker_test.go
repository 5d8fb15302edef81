package materialize

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// With a marker no --force is needed, so a marker counts only if no other user can
// have made it.
func TestANoteThatAnotherUserMayHaveMadeIsNotBelieved(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Missing(t, "needs root to give files away")
	}
	vol := newFakeVolume(killSize, 11)
	for name, spoil := range map[string]func(note string) error{
		"another user's":        func(note string) error { return os.Chown(note, 65534, 65534) },
		"writable for all":      func(note string) error { return os.Chmod(note, 0o666) },
		"with a second name":    func(note string) error { return os.Link(note, note+"2") },
		"a link to a good note": func(note string) error { return errors.Join(os.Rename(note, note+"2"), os.Symlink(note+"2", note)) },
		"a FIFO":                func(note string) error { return errors.Join(os.Remove(note), unix.Mkfifo(note, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "target")
			interrupt(t, vol, path, OpenOptions{Backup: "b11"})
			tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b11"})
			if err != nil {
				t.Fatal("not even as it was left: ", err)
			}
			tg.Close()
			if err := spoil(path + markerSuffix); err != nil {
				t.Fatal(err)
			}
			tg, err = Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b11"})
			if err == nil {
				tg.Close()
			}
			if _, refused := errors.AsType[*RefusedError](err); !refused {
				t.Errorf("believed: %v", err)
			}
		})
	}
}

func TestANoteThatCannotBeWrittenLeavesNothing(t *testing.T) {
	dev, _ := newLoop(t, 4<<20)
	tool(t, "mkfs.ext4", "-q", dev)
	dir := mountOn(t, dev)
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	fill, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = fill.Write(make([]byte, 4096))
	}
	fill.Close()
	target, file := newLoop(t, 9<<20)
	garbage(t, file, 9<<20)
	vol := newFakeVolume(killSize, 11)
	tg, err := Open(t.Context(), target, OpenOptions{Size: vol.Size(), Backup: "b11", StateDir: state, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if _, err := Run(t.Context(), vol, tg, Options{}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) > 0 {
		t.Error("left behind: ", left, err)
	}
}
