package fusefs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A thread that stayed in another process's namespace would later run other goroutines there.
func TestLookingIntoAnotherNamespaceLeavesNoThreadThere(t *testing.T) {
	needMount(t) // and root, to enter a namespace
	other := exec.Command("sleep", "100")
	other.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if mounts, err := mountsOfNamespace(fmt.Sprintf("/proc/%d/ns/mnt", other.Process.Pid)); err != nil || len(mounts) == 0 {
				t.Errorf("%d mounts, %v", len(mounts), err)
			}
		})
	}
	all.Wait()
	elsewhere := func() (left []string) {
		tasks, _ := filepath.Glob("/proc/self/task/*/ns/mnt")
		for _, task := range tasks {
			if at, err := os.Readlink(task); err == nil && at != own {
				left = append(left, task)
			}
		}
		return left
	}
	for end := time.Now().Add(10 * time.Second); len(elsewhere()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("threads in another namespace: %v", elsewhere())
		}
	}
}
