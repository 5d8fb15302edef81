package vfat

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// waitMounted waits until a directory is a mountpoint.
func waitMounted(t testing.TB, dir string) {
	t.Helper()
	for range 500 {
		var up, here syscall.Stat_t
		if syscall.Stat(filepath.Dir(dir), &up) == nil && syscall.Stat(dir, &here) == nil &&
			up.Dev != here.Dev {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	t.Fatalf("%s is not mounted", dir)
}
