package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// flaky is a share that can disappear.
type flaky struct {
	share.Share
	away atomic.Bool
}

func (f *flaky) ReadDir(ctx context.Context, dir string,
	want func(string) bool) ([]share.Entry, share.Stamp, error) {
	if f.away.Load() {
		return nil, share.Stamp{}, syscall.ESTALE
	}
	return f.Share.ReadDir(ctx, dir, want)
}

func (f *flaky) Look(ctx context.Context, dir string, files []string) (share.Stamp, []share.Stamp, error) {
	if f.away.Load() {
		return share.Stamp{}, nil, syscall.ESTALE
	}
	return f.Share.Look(ctx, dir, files)
}

func TestWhatWasSeenStaysWhileTheShareIsAway(t *testing.T) {
	dir, first := smallShare(t)
	var f *flaky
	catalog := catalogOf(t, dir, backupstore.Options{}, func(s share.Share) share.Share {
		f = &flaky{Share: s}
		return f
	})
	var log bytes.Buffer
	s := served(t, catalog, Options{CacheBytes: 1 << 20, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx := t.Context()
	look := func() { s.Refresh(ctx) }
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
	if text, err := s.StatusFile(); err != nil || !strings.Contains(string(text), "look_error") {
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

// A backup can be copied back from elsewhere, and then differ from the one that had its id before.
func TestAnotherBackupByTheSameIDIsNotReadFromMemory(t *testing.T) {
	dir, b := smallShare(t)
	s := servedHere(t, dir)
	read := func() []byte {
		t.Helper()
		v, err := s.Open(t.Context(), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.Close() }) // the earlier ones stay open
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
	s.Refresh(t.Context())
	if got := read(); !bytes.Equal(got, want) {
		t.Errorf("it reads otherwise; as the one before: %v", bytes.Equal(got, before))
	}
}

func TestADeletedBackupThatIsOpenIsToldOf(t *testing.T) {
	dir, b := smallShare(t)
	other := smallBackup(t, dir, "other")
	s := servedHere(t, dir)
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
	s.Refresh(t.Context())
	s.Refresh(t.Context())
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
