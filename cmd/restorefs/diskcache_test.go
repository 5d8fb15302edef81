package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// readDisk reads the whole disk of a backup in a mount, and returns its first MiB, because the
// whole would take too much memory.
func readDisk(mountpoint string, b storetest.Backup) (first []byte, err error) {
	f, err := os.Open(filepath.Join(mountpoint, "backups", b.ID, "volume.raw"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	first = make([]byte, 1<<20)
	if _, err := io.ReadFull(f, first); err != nil {
		return nil, err
	}
	for buf := make([]byte, 1<<20); ; {
		switch _, err := f.Read(buf); err {
		case nil:
		case io.EOF:
			return first, nil
		default:
			return nil, err
		}
	}
}

func stop(t *testing.T, server interface{ Wait() error }, process *os.Process) {
	t.Helper()
	process.Signal(syscall.SIGTERM)
	if err := server.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestADiskCacheServesLaterMountsAndIsNotTrusted(t *testing.T) {
	needMount(t)
	share, b := smallShare(t)
	dir := filepath.Join(t.TempDir(), "blocks")
	flags := []string{"--disk-cache", dir, "--disk-cache-size", "16MiB"}
	want := make([]byte, 1<<20)
	if _, err := storetest.Text(1<<20, 7).ReadAt(want, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	mountpoint, server := mountShare(t, share, flags...)
	if got, err := readDisk(mountpoint, b); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("without the cache it reads otherwise: %v", err)
	}
	if _, stderr, code := restorefs(t, append(append([]string{"mount", "--share", share}, flags...),
		t.TempDir())...); code != exitcode.Failed || !strings.Contains(stderr, "of its own") {
		t.Errorf("the same cache in a second mount: exit code %d, %s", code, stderr)
	}
	stop(t, server, server.Process)

	// The object is damaged, but its size and time do not show it.
	object := b.Path("-00001")
	st, err := os.Stat(object)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stored {
		stored[i] ^= 1
	}
	if err := errors.Join(os.WriteFile(object, stored, 0),
		os.Chtimes(object, st.ModTime(), st.ModTime())); err != nil {
		t.Fatal(err)
	}
	mountpoint, server = mountShare(t, share, flags...)
	if got, err := readDisk(mountpoint, b); err != nil || !bytes.Equal(got, want) {
		t.Errorf("from the cache it reads otherwise: %v", err)
	}
	stop(t, server, server.Process)

	// The cache is damaged too.
	slab := filepath.Join(dir, "slab-00000")
	f, err := os.OpenFile(slab, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, _ := f.Seek(0, io.SeekEnd)
	for off := int64(4096 + 32*511); off < size; off += 1000 {
		if _, err := f.WriteAt([]byte("decayed"), off); err != nil {
			t.Fatal(err)
		}
	}
	mountpoint, _ = mountShare(t, share, flags...)
	if _, err := readDisk(mountpoint, b); !errors.Is(err, syscall.EIO) {
		t.Errorf("both are damaged: %v", err)
	}
}

func TestADiskCacheIsRefusedWhereItCannotBe(t *testing.T) {
	share, _ := smallShare(t)
	for _, c := range []struct {
		what, says string
		flags      []string
	}{
		{"on the share", "nothing is ever written",
			[]string{"--disk-cache", filepath.Join(share, "new", "cache")}},
		{"a size without a directory", "no meaning", []string{"--disk-cache-size", "1GiB"}},
		{"too small", "the least", []string{"--disk-cache", t.TempDir(), "--disk-cache-size",
			"1MiB"}},
		{"too large for the memory", "--memory 399MiB or more",
			[]string{"--disk-cache", t.TempDir(), "--disk-cache-size", "100GiB"}},
		{"the index on the share", "nothing is ever written",
			[]string{"--cache-dir", filepath.Join(share, "new")}},
	} {
		_, stderr, code := restorefs(t, append(append([]string{"mount", "--share", share},
			c.flags...), t.TempDir())...)
		if code != exitcode.Usage || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d, %s", c.what, code, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(share, "new")); err == nil {
		t.Error("something was made on the share")
	}
}
