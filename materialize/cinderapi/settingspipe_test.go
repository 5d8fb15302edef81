package cinderapi

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A FIFO may lie where clouds.yaml is looked for, the working directory among others.
func TestSettingsAreReadFromAPipeButNotWaitedForForEver(t *testing.T) {
	t.Parallel() // it waits
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := readCloud(path, "c"); err == nil || !strings.Contains(err.Error(), `no cloud "c"`) {
		t.Errorf("nobody writes: %v", err)
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := readCloud(path, "c"); err == nil || !strings.Contains(err.Error(), "is a pipe, and nothing was written to it within 5s") {
		t.Errorf("a writer that says nothing: %v", err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v", took)
	}

	r, said, err := os.Pipe() // as a shell's <(...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		said.WriteString("clouds: {c: {auth: {username: u}}}\n")
		said.Close()
	}()
	cloud, err := readCloud(fmt.Sprintf("/dev/fd/%d", r.Fd()), "c")
	if err != nil || cloud["username"] != "u" {
		t.Errorf("a shell's pipe: %v, %v", cloud, err)
	}
}
