package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cache"
)

func TestNewFinishedAndDeletedBackupsShowWithoutARemount(t *testing.T) {
	for how, flags := range map[string]string{"from time to time": "200ms", "upon SIGHUP": "1h"} {
		t.Run(how, func(t *testing.T) {
			share, first := smallShare(t)
			mountpoint, server := mountShare(t, share, "--refresh", flags)
			names := func(elem ...string) string {
				if how == "upon SIGHUP" {
					server.Process.Signal(syscall.SIGHUP)
				}
				list, err := os.ReadDir(filepath.Join(append([]string{mountpoint, "backups"}, elem...)...))
				if err != nil {
					return err.Error()
				}
				var names []string
				for _, e := range list {
					names = append(names, e.Name())
				}
				return strings.Join(names, " ")
			}
			if names() != first.ID {
				t.Fatal(names())
			}
			// Cinder begins, and ends, a backup.
			other := t.TempDir()
			second := smallBackup(t, other, "two")
			metadata := second.Path("_metadata")
			if err := os.Rename(metadata, filepath.Join(other, "later")); err != nil {
				t.Fatal(err)
			}
			run(t, "cp", "-a", other+"/.", share)
			eventually(t, "the unfinished backup shows", func() bool { return names(second.ID) == "problem.txt" })
			rel, err := filepath.Rel(other, metadata)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(share, "later"), filepath.Join(share, rel)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is finished", func() bool { return names(second.ID) == "info.txt metadata.json volume.raw" })
			got, err := os.Open(filepath.Join(mountpoint, "backups", second.ID, "volume.raw"))
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			want := make([]byte, 1<<20)
			if _, err := storetest.Text(1<<20, 7).ReadAt(want, 0); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			data := make([]byte, 1<<20)
			if _, err := io.ReadFull(got, data); err != nil || !bytes.Equal(data, want) {
				t.Errorf("it reads otherwise: %v", err)
			}

			// And deletes one, that somebody reads.
			open, err := os.Open(filepath.Join(mountpoint, "backups", first.ID, "volume.raw"))
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			if err := os.RemoveAll(first.Dir); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the deleted backup is gone", func() bool { return names() == second.ID })
			_, err = open.ReadAt(data, 0)
			if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ESTALE) {
				t.Errorf("reading on: %v", err)
			}
			if err == nil && !bytes.Equal(data, want) {
				t.Error("reading on gives other bytes")
			}
		})
	}
}

// flaky is a share that can be away.
type flaky struct {
	share.Share
	away atomic.Bool
}

func (f *flaky) ReadDir(ctx context.Context, dir string, want func(string) bool) ([]share.Entry, error) {
	if f.away.Load() {
		return nil, syscall.ESTALE
	}
	return f.Share.ReadDir(ctx, dir, want)
}

func TestWhatWasSeenStaysWhileTheShareIsAway(t *testing.T) {
	dir, first := smallShare(t)
	opened, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{Share: opened}
	catalog := backupstore.NewCatalog(f, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := cache.New(cache.Options{MemoryBytes: 1 << 20})
	defer spans.Close()
	var log bytes.Buffer
	s := newServed(catalog, spans, slog.New(slog.NewTextHandler(&log, nil)), func(*backupstore.Backup) bool { return true })
	ctx := t.Context()
	look := func() { s.look(ctx) }
	before, _ := s.Backups(ctx)
	look()
	if after, _ := s.Backups(ctx); &after[0] != &before[0] {
		t.Error("nothing has changed, but the list is another one")
	}
	f.away.Store(true)
	second := smallBackup(t, dir, "two")
	look()
	if list, err := s.Backups(ctx); err != nil || len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("while it is away: %v, %v", list, err)
	}
	if text, err := s.status(dir)(); err != nil || !strings.Contains(string(text), "look_error") {
		t.Errorf("%s, %v", text, err)
	}
	f.away.Store(false)
	look()
	if list, _ := s.Backups(ctx); len(list) != 2 {
		t.Errorf("when it is back: %v, without %s", list, second.ID)
	}
	if n := strings.Count(log.String(), "stays"); n != 1 || strings.Count(log.String(), "looked at again") != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
}

// A backup can be put back from elsewhere, and differ from what was there under
// its id.
func TestAnotherBackupByTheSameIDIsNotReadFromMemory(t *testing.T) {
	dir, b := smallShare(t)
	s := mountedHere(t, dir)
	read := func() []byte {
		t.Helper()
		v, err := s.Open(t.Context(), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.Close() }) // those before stay open
		data, err := v.Read(t.Context(), 0, 64<<10)
		if err != nil {
			t.Fatal(err)
		}
		defer data.Release()
		return bytes.Join(data.Slices(), nil)
	}
	before := read()
	if err := os.RemoveAll(b.Dir); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 64<<10)
	content := storetest.Text(1<<20, 8)
	if _, err := content.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	storetest.MustWrite(t, dir, storetest.Spec{ID: b.ID, VolumeID: b.VolumeID, Content: content, Created: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)})
	s.look(t.Context())
	if got := read(); !bytes.Equal(got, want) {
		t.Errorf("it reads otherwise; as the one before: %v", bytes.Equal(got, before))
	}
}

func TestADeletedBackupThatIsOpenIsToldOf(t *testing.T) {
	dir, b := smallShare(t)
	other := smallBackup(t, dir, "other")
	s := mountedHere(t, dir)
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	v, err := s.Open(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, gone := range []storetest.Backup{b, other} {
		if err := os.RemoveAll(gone.Dir); err != nil {
			t.Fatal(err)
		}
	}
	s.look(t.Context())
	s.look(t.Context())
	if text := log.String(); strings.Count(text, "gone from the share") != 1 || !strings.Contains(text, b.ID) {
		t.Errorf("logged: %s", text)
	}
	if data, err := v.Read(t.Context(), 0, 4096); err == nil {
		data.Release()
		t.Error("bytes that are nowhere were read")
	} else if !errors.Is(err, os.ErrNotExist) { // which is ESTALE
		t.Errorf("%v", err)
	}
	if _, err := s.Open(t.Context(), b.ID); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opened again: %v", err)
	}
}
