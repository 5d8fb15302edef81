package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A log file is appended to, so that nothing in it is lost, but a disk is not a log.
func TestALogFileIsAppendedTo(t *testing.T) {
	dir := t.TempDir()
	disk, fifo, log := filepath.Join(dir, "disk"), filepath.Join(dir, "fifo"), filepath.Join(dir,
		"log")
	if err := os.WriteFile(disk, append([]byte("MZ"), make([]byte, 4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{disk: "no text", fifo: "no regular file",
		dir: "is a directory"} {
		if f, err := openLog(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v", path, f, err)
		}
	}
	for range 2 {
		f, err := openLog(log)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("line\n")
		f.Close()
	}
	if text, err := os.ReadFile(log); err != nil || string(text) != "line\nline\n" {
		t.Errorf("%q %v", text, err)
	}
	if f, err := openLog(os.DevNull); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}
