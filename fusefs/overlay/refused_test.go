package overlay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

func TestAnOverlayIsForOneAtATime(t *testing.T) {
	dir := t.TempDir()
	base := &base{size: simSize}
	ctx := t.Context()
	if _, err := OpenReadOnly(ctx, dir, testKey, base, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading one that is not there: %v", err)
	}
	if err := Discard(ctx, dir, testKey.Backup); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("discarding one that is not there: %v", err)
	}
	o := mustOpen(t, dir, Options{})
	// it is zero below
	if err := o.Zero(ctx, baseUnit, baseUnit); err != nil || Exists(dir, testKey.Backup) {
		t.Errorf("zeros on zeros: %v, and there is an overlay: %v", err, Exists(dir, testKey.Backup))
	}
	busy := func(what string) {
		t.Helper()
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := Open(short, dir, testKey, base, Options{}); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrInUse) {
			t.Errorf("%s: it can be opened: %v", what, err)
		}
		if err := Discard(short, dir, testKey.Backup); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrInUse) {
			t.Errorf("%s: it can be discarded: %v", what, err)
		}
	}
	busy("open, nothing written")
	if err := o.WriteAt(ctx, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	busy("open")
	if _, err := Open(ctx, dir, testKey, base, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one waits for ever, or has it: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	one, err := OpenReadOnly(ctx, dir, testKey, base, Options{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := OpenReadOnly(ctx, dir, testKey, base, Options{})
	if err != nil {
		t.Fatal(err)
	}
	busy("being read")
	if err := one.WriteAt(ctx, []byte("x"), 0); err == nil {
		t.Error("a reader can write")
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Error(err)
	}
	// A process that waits while it is discarded gets a new one.
	if o, err = Open(ctx, dir, testKey, base, Options{}); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		o, err := Open(ctx, dir, testKey, base, Options{})
		if err == nil {
			err = errors.Join(o.WriteAt(ctx, []byte("y"), 0), o.Close())
		}
		waited <- err
	}()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if err := Discard(ctx, dir, testKey.Backup); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAnOverlayOfSomethingElseIsRefused(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	o := mustOpen(t, dir, Options{})
	if err := errors.Join(o.WriteAt(ctx, []byte("x"), 0), o.Close()); err != nil {
		t.Fatal(err)
	}
	file := func(suffix string) string { return filepath.Join(dir, testKey.Backup+suffix) }
	good, err := os.ReadFile(file(mapSuffix))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(m []byte) []byte) func() {
		return func() {
			if err := os.WriteFile(file(mapSuffix), change(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		what   string
		key    Key
		before func()
		want   error
	}{
		{"as it was", testKey, func() {}, nil},
		{"another size", Key{testKey.Backup, simSize + 1, testKey.Content}, func() {}, ErrOther},
		{"other contents", Key{testKey.Backup, simSize, [32]byte{2}}, func() {}, ErrOther},
		{"the first header damaged", testKey, with(func(m []byte) []byte { m[100] ^= 1; return m }), nil},
		{"both headers damaged", testKey, with(func(m []byte) []byte { m[100] ^= 1; m[4096+100] ^= 1; return m }), ErrDamaged},
		{"another version", testKey, with(func(m []byte) []byte { m[8], m[4096+8] = 1, 1; return m }), ErrVersion},
		{"cut within the headers", testKey, with(func(m []byte) []byte { return m[:3000] }), ErrDamaged},
		{"the map of another backup", testKey, with(func(m []byte) []byte {
			h, err := decodeHeader(m)
			if err != nil {
				t.Fatal(err)
			}
			h.key.Backup = "other"
			copy(m, h.encode())
			copy(m[4096:], h.encode())
			return m
		}), ErrOther},
		{"the data file cut", testKey, func() { with(func(m []byte) []byte { return m })(); os.Truncate(file(dataSuffix), 77) }, ErrDamaged},
		{"the data file gone", testKey, func() { os.Remove(file(dataSuffix)) }, ErrDamaged},
		{"the map a directory", testKey, func() { os.Remove(file(mapSuffix)); os.Mkdir(file(mapSuffix), 0o700) }, errors.ErrUnsupported},
	} {
		c.before()
		o, err := Open(ctx, dir, c.key, &base{size: c.key.Size}, Options{})
		switch {
		case c.want == nil && err != nil, c.want != nil && err == nil, c.want != nil && c.want != errors.ErrUnsupported && !errors.Is(err, c.want):
			t.Errorf("%s: %v", c.what, err)
		}
		if err == nil {
			o.index.Close() // and not o.Close, which would tidy up
			if o.data != nil {
				o.data.Close()
			}
		}
	}
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a\x00", string(make([]byte, 200))} {
		if _, err := Open(ctx, dir, Key{Backup: id, Size: 1}, &base{size: 1}, Options{}); err == nil {
			t.Errorf("a backup named %q has an overlay", id)
		}
		if err := Discard(ctx, dir, id); err == nil {
			t.Errorf("a backup named %q can be discarded", id)
		}
	}
}

// The map is easily taken for something that can be made anew.
func TestWhatWasWrittenIsNotOverwrittenWhereItsMapIsLost(t *testing.T) {
	ctx := t.Context()
	for what, lose := range map[string]func(path string) error{
		"gone":    os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"cut":     func(path string) error { return os.Truncate(path, 5000) },
	} {
		dir := t.TempDir()
		o := mustOpen(t, dir, Options{})
		if err := errors.Join(o.WriteAt(ctx, []byte("x"), 0), o.Close()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, testKey.Backup+mapSuffix)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := lose(path); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the first has left nothing that changes it
			if _, err := Open(ctx, dir, testKey, &base{size: simSize}, Options{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), mapSuffix) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := OpenReadOnly(ctx, dir, testKey, &base{size: simSize}, Options{}); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, only to read: %v", what, err)
			}
		}
		if list, err := List(dir); err != nil || len(list) != 1 || !strings.Contains(list[0].Problem, mapSuffix) {
			t.Errorf("%s: listed as %+v, %v", what, list, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		o = mustOpen(t, dir, Options{})
		p := make([]byte, 1)
		if err := o.ReadAt(ctx, p, 0); err != nil || p[0] != 'x' {
			t.Errorf("%s, and put back: %q, %v", what, p, err)
		}
		if err := errors.Join(o.Close(), os.Remove(path), Discard(ctx, dir, testKey.Backup)); err != nil {
			t.Errorf("%s: discarding it: %v", what, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left: %v", what, left)
		}
	}
}

func TestADamagedPageIsAnErrorForItsBlocksOnly(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	o := mustOpen(t, dir, Options{})
	const second = pageBlocks * blockBytes
	for i := range 3 { // so that all slots are used
		for _, off := range []int64{0, second} {
			if err := errors.Join(o.WriteAt(ctx, []byte("x"), off+int64(i)*blockBytes), o.Sync(ctx)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, testKey.Backup+mapSuffix), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	damage := func(slot int) {
		if _, err := f.WriteAt([]byte{0xff}, slotOffset(1, slot)+70); err != nil {
			t.Fatal(err)
		}
	}
	p := make([]byte, 1)
	damage(1) // the older one
	o = mustOpen(t, dir, Options{})
	if err := o.ReadAt(ctx, p, second+2*blockBytes); err != nil || p[0] != 'x' {
		t.Errorf("with one good slot: %q, %v", p, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	damage(0)
	o = mustOpen(t, dir, Options{})
	for what, err := range map[string]error{
		"read": o.ReadAt(ctx, p, second), "write": o.WriteAt(ctx, p, second), "zero": o.Zero(ctx, second, 1),
		"look for data": func() error { _, _, err := o.NextData(ctx, second, second+1); return err }(),
	} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := errors.Join(o.ReadAt(ctx, p, 0), o.WriteAt(ctx, p, 0), o.Sync(ctx)); err != nil {
		t.Errorf("of another page: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if list, err := List(dir); err != nil || len(list) != 1 || list[0].Problem == "" {
		t.Errorf("listed as %+v, %v", list, err)
	}
}

func TestARangeOutsideIsRefused(t *testing.T) {
	o := mustOpen(t, t.TempDir(), Options{})
	defer o.Close()
	ctx := t.Context()
	for _, r := range [][2]int64{{-1, 1}, {simSize, 1}, {simSize - 1, 2}, {1 << 62, 1}} {
		p := make([]byte, r[1])
		for what, err := range map[string]error{
			"read": o.ReadAt(ctx, p, r[0]), "write": o.WriteAt(ctx, p, r[0]), "zero": o.Zero(ctx, r[0], r[1]), "allocate": o.Allocate(ctx, r[0], r[1]),
		} {
			if err == nil {
				t.Errorf("%s at %v: no error", what, r)
			}
		}
	}
}

// seal gives what is in the places of headers and sectors the right checksums.
func seal(m []byte) {
	for at := 0; at+slotBytes <= len(m) && at < headerBytes; at += slotBytes {
		binary.LittleEndian.PutUint32(m[at+12:], checksum(m[at:at+slotBytes], 12))
	}
	if len(m) < headerBytes {
		return
	}
	for at := headerBytes; at+pagefile.SectorBytes <= len(m); at += pagefile.SectorBytes {
		s := (at - headerBytes) / slotBytes
		p := pagefile.Place{Nonce: [16]byte(m[16:32]), Index: int64(s / 2), Slot: s % 2}
		binary.LittleEndian.PutUint32(m[at:], p.Checksum((at-headerBytes)%slotBytes/pagefile.SectorBytes, m[at:at+pagefile.SectorBytes]))
	}
}

// Whatever a map holds: no panic, and no block both at once.
func FuzzHostileMap(f *testing.F) {
	dir := f.TempDir()
	o := mustOpen(f, dir, Options{})
	for i := range int64(4) {
		if err := errors.Join(o.WriteAt(context.Background(), []byte("x"), i*3*blockBytes), o.Sync(context.Background())); err != nil {
			f.Fatal(err)
		}
	}
	o.Close()
	good, err := os.ReadFile(filepath.Join(dir, testKey.Backup+mapSuffix))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:5000])
	f.Add(good[:headerBytes+slotBytes])
	good = bytes.Clone(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) > 1<<16 {
			return
		}
		// Checksums would keep all else from being tried.
		if len(m) > 0 && m[0]%2 == 0 {
			seal(m)
		}
		d := newDisk(1)
		d.files[mapName(testKey.Backup)] = &simFile{d: d, name: "map"}
		d.files[mapName(testKey.Backup)].now.write(m, 0)
		d.files[dataName(testKey.Backup)] = &simFile{d: d, name: "data"}
		d.files[dataName(testKey.Backup)].now.resize(testKey.dataBytes())
		d.files[dataName(testKey.Backup)].now.write(good[:headerBytes], testKey.sealOffset())
		h, err := readHeader(d.files[mapName(testKey.Backup)])
		if err == nil && h != nil {
			if err := h.key.check(); err != nil {
				t.Fatalf("a header is believed that says %v", err)
			}
			if _, err := written(d.files[mapName(testKey.Backup)], &header{key: testKey, nonce: h.nonce}); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		}
		o := newOverlay(d, d.files[mapName(testKey.Backup)], testKey, &base{size: simSize}, simOptions)
		if o.attach() != nil {
			return
		}
		p := make([]byte, 3*blockBytes)
		for _, off := range []int64{0, blockBytes + 1, pageBlocks*blockBytes - 5, simSize - int64(len(p))} {
			if err := o.ReadAt(context.Background(), p, off); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if err := o.WriteAt(context.Background(), p, off); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		}
		if err := o.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}
