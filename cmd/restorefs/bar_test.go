package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// terminal returns a pseudo terminal of some columns: one end to read what a program writes, and
// the end for the program.
func terminal(t *testing.T, columns uint16) (ours, its *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		skip(t, "needs pseudo terminals: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		its, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		skip(t, "needs pseudo terminals: %v", err)
	}
	t.Cleanup(func() { its.Close() })
	resize(t, ours, columns)
	return ours, its
}

func resize(t *testing.T, terminal *os.File, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ,
		&unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

func TestATerminalIsResizedDuringARun(t *testing.T) {
	share := t.TempDir()
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("bar"),
		VolumeID: storetest.ID("bar volume"), Content: storetest.Disk(16<<20, 9)})
	ours, its := terminal(t, 110)
	cmd := program(t, "materialize", "--bwlimit", "6M", "--share", share, made.ID,
		filepath.Join(t.TempDir(), "disk"))
	cmd.Stderr = its
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	its.Close()
	var said strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := ours.Read(buf)
		said.Write(buf[:n])
		if strings.Count(said.String(), "\033[K\r") == 2 {
			resize(t, ours, 50)
		}
		if err != nil { // EIO: the program has ended
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	frames := strings.Split(said.String(), "\033[K\r")
	var wide, narrow int
	for _, f := range frames[1 : len(frames)-1] {
		switch n := len(f); {
		case n == 109:
			wide++
		case n <= 49:
			narrow++
		default:
			t.Errorf("%d columns: %q", n, f)
		}
	}
	if wide == 0 || narrow == 0 || !strings.HasSuffix(said.String(), "\033[K") {
		t.Errorf("%d wide, %d narrow: %q", wide, narrow, said.String())
	}
}
