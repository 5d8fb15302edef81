package disk

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestNothingInTheDirectoryIsTrusted(t *testing.T) {
	dir := t.TempDir()
	size := 4 << 20
	if testing.Short() {
		size = 1 << 20
	}
	m := content(2, size, 32<<10)
	c := opened(t, dir, 16<<20, slabBytes, nil)
	readAll(t, c.Volume(m), m, 128<<10)
	c.Close()
	slabFile := filepath.Join(dir, slabName(0))
	good, err := os.ReadFile(slabFile)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(slabFile); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	slots := slotsIn(32<<10, 16<<20)
	for what, spoil := range map[string]func([]byte) []byte{
		"a bit of each entry is another":  func(b []byte) []byte { return flip(b, int(dataStart(slots)), 32<<10) },
		"the keys are another's":          func(b []byte) []byte { return flip(b, headerBytes, 7) },
		"keys and entries do not fit":     func(b []byte) []byte { copy(b[headerBytes:], b[headerBytes+32:][:32*slots]); return b },
		"all keys are the same":           func(b []byte) []byte { return repeat(b, headerBytes, slots) },
		"the header is another":           func(b []byte) []byte { return flip(b, 30, len(b)) },
		"the magic is another":            func(b []byte) []byte { return flip(b, 0, len(b)) },
		"it was cut":                      func(b []byte) []byte { return b[:len(b)/2] },
		"it was cut inside the header":    func(b []byte) []byte { return b[:20] },
		"it is empty":                     func([]byte) []byte { return nil },
		"the entries were never written":  func(b []byte) []byte { clear(b[dataStart(slots):]); return b },
		"it is longer":                    func(b []byte) []byte { return append(b, 1) },
		"it is of slots that are too big": func(b []byte) []byte { copy(b, header(16<<20, 1)); return b },
	} {
		t.Run(what, func(t *testing.T) {
			if err := os.WriteFile(slabFile, spoil(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			c := opened(t, dir, 16<<20, slabBytes, slog.New(slog.NewTextHandler(&log, nil)))
			v := c.Volume(m)
			readAll(t, v, m, 128<<10)
			if n := readAll(t, v, m, 128<<10); n != 0 {
				t.Errorf("%d bytes were loaded again", n)
			}
			c.Close()
			if n := strings.Count(log.String(), "WARN"); n > 1 {
				t.Errorf("%d warnings: %s", n, &log)
			}
		})
	}
}

func flip(b []byte, from, every int) []byte {
	for i := from; i < len(b); i += every {
		b[i] ^= 0x10
	}
	return b
}

func repeat(b []byte, from, n int) []byte {
	for i := 1; i < n; i++ {
		copy(b[from+i*keyBytes:], b[from:from+keyBytes])
	}
	return b
}

func TestOddFilesInTheDirectoryDoNoHarm(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "precious")
	for name, err := range map[string]error{
		"precious":   os.WriteFile(outside, []byte("precious"), 0o600),
		"notes":      os.WriteFile(filepath.Join(dir, "notes"), []byte("mine"), 0o600),
		"link":       os.Symlink(outside, filepath.Join(dir, slabName(0))),
		"fifo":       syscall.Mkfifo(filepath.Join(dir, slabName(1)), 0o600),
		"directory":  os.Mkdir(filepath.Join(dir, slabName(2)), 0o700),
		"odd number": os.WriteFile(filepath.Join(dir, "slab-1"), []byte("mine"), 0o600),
	} {
		if err != nil {
			t.Fatal(name, err)
		}
	}
	m := content(3, 1<<20, 32<<10)
	c := opened(t, dir, 16<<20, slabBytes, nil)
	readAll(t, c.Volume(m), m, 128<<10)
	if n := readAll(t, c.Volume(m), m, 128<<10); n != 0 {
		t.Errorf("%d bytes were loaded again", n)
	}
	for _, name := range []string{outside, filepath.Join(dir, "notes"), filepath.Join(dir, "slab-1")} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if text, _ := os.ReadFile(outside); string(text) != "precious" {
		t.Error("a file outside was written")
	}
}

// full returns a directory on a file system of n bytes.
func full(t *testing.T, n int) string {
	dir := t.TempDir()
	if os.Getuid() != 0 {
		need.Missing(t, "not root: cannot mount a small file system")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", n)); err != nil {
		need.Missing(t, "cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestAFullDiskIsNoError(t *testing.T) {
	dir := full(t, 2<<20)
	var log bytes.Buffer
	c := opened(t, dir, 64<<20, slabBytes, slog.New(slog.NewTextHandler(&log, nil)))
	m := content(7, 8<<20, 32<<10)
	for range 3 {
		readAll(t, c.Volume(m), m, 128<<10)
	}
	s := c.Stats()
	if !s.Full || s.Hits == 0 || s.Corrupt != 0 {
		t.Errorf("%+v", s)
	}
	c.Close()
	if n := strings.Count(log.String(), "level="); n != 1 || !strings.Contains(log.String(), "no space left") {
		t.Errorf("%d lines: %s", n, &log)
	}
}
