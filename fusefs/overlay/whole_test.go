package overlay

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// syncedOverlay makes an overlay in which a block was written for each page of
// the map. Only the map tells: the data file is a hole there.
func syncedOverlay(t *testing.T, key Key) (dir string) {
	t.Helper()
	dir = t.TempDir()
	ctx := context.Background()
	o, err := Open(ctx, dir, key, &base{size: key.Size}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for off := int64(0); off < key.Size; off += pageSpan {
		err = errors.Join(err, o.Zero(ctx, off, blockBytes))
	}
	if err := errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Every length that a file can be cut to, and every way to lose one or to bring
// another one's, is told by all in the same words.
func TestWhatIsLeftOfAnOverlayIsTold(t *testing.T) {
	file := func(dir, suffix string) string { return filepath.Join(dir, testKey.Backup+suffix) }
	cut := func(suffix string, size int64) func(string) error {
		return func(dir string) error { return os.Truncate(file(dir, suffix), size) }
	}
	swap := func(suffix string) func(string) error {
		return func(dir string) error { return os.Rename(file(syncedOverlay(t, testKey), suffix), file(dir, suffix)) }
	}
	for _, c := range []struct {
		what   string
		change func(dir string) error
		names  string // what must be put back
	}{
		{"no map", func(dir string) error { return os.Remove(file(dir, mapSuffix)) }, mapSuffix},
		{"no data file", func(dir string) error { return os.Remove(file(dir, dataSuffix)) }, dataSuffix},
		{"another overlay's map", swap(mapSuffix), dataSuffix},
		{"another overlay's data file", swap(dataSuffix), dataSuffix},
		{"the map empty", cut(mapSuffix, 0), mapSuffix},
		{"the map cut inside the header", cut(mapSuffix, 4000), mapSuffix},
		{"the map cut behind the header", cut(mapSuffix, headerBytes), mapSuffix},
		{"the map cut inside its first page", cut(mapSuffix, headerBytes+slotBytes), mapSuffix},
		{"the map cut between its pages", cut(mapSuffix, headerBytes+pageBytes), mapSuffix},
		{"the map a page short", cut(mapSuffix, testKey.mapBytes()-pageBytes), mapSuffix},
		{"the map a byte short", cut(mapSuffix, testKey.mapBytes()-1), mapSuffix},
		{"the map a byte long", cut(mapSuffix, testKey.mapBytes()+1), mapSuffix},
		{"the data file empty", cut(dataSuffix, 0), dataSuffix},
		{"the data file as long as the volume", cut(dataSuffix, simSize), dataSuffix},
		{"the data file a byte short", cut(dataSuffix, testKey.dataBytes()-1), dataSuffix},
		{"the data file cut and as long again", func(dir string) error {
			return errors.Join(cut(dataSuffix, 1)(dir), cut(dataSuffix, testKey.dataBytes())(dir))
		}, dataSuffix},
	} {
		dir := syncedOverlay(t, testKey)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		tell := func(by string, text string) {
			t.Helper()
			if !strings.Contains(text, testKey.Backup+c.names) || !strings.Contains(text, "put ") || !strings.Contains(text, "discard") {
				t.Errorf("%s, %s: %s", c.what, by, text)
			}
		}
		for range 2 { // the first has changed nothing
			for by, open := range map[string]func(context.Context, string, Key, Base, Options) (*Overlay, error){
				"opened": Open, "opened to read": OpenReadOnly,
			} {
				if _, err := open(t.Context(), dir, testKey, &base{size: simSize}, Options{}); !errors.Is(err, ErrDamaged) {
					t.Errorf("%s, %s: %v", c.what, by, err)
				} else {
					tell(by, err.Error())
				}
			}
			list, err := List(dir)
			if err != nil || len(list) != 1 {
				t.Fatalf("%s: listed as %+v, %v", c.what, list, err)
			}
			tell("listed", list[0].Problem)
			if !Exists(dir, testKey.Backup) {
				t.Errorf("%s: there is none", c.what)
			}
		}
		if err := Discard(t.Context(), dir, testKey.Backup); err != nil {
			t.Errorf("%s: discarding it: %v", c.what, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: discarding it left %v", c.what, left)
		}
	}
}

// A volume's last block may be short, and its seal is behind it all the same.
func TestTheSealMovesNothing(t *testing.T) {
	for _, size := range []int64{1, blockBytes, blockBytes + 1, 5*pageSpan - 1} {
		key := Key{Backup: "b", Size: size}
		dir := t.TempDir()
		ctx := t.Context()
		o, err := Open(ctx, dir, key, &base{size: size}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.WriteAt(ctx, []byte("z"), size-1), o.Sync(ctx), o.Zero(ctx, 0, size), o.WriteAt(ctx, []byte("y"), size-1), o.Close()); err != nil {
			t.Fatal(err)
		}
		if o, err = OpenReadOnly(ctx, dir, key, &base{size: size}, Options{}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		p := make([]byte, 1)
		if err := errors.Join(o.ReadAt(ctx, p, size-1), o.Close()); err != nil || p[0] != 'y' {
			t.Errorf("%d bytes: %q, %v", size, p, err)
		}
	}
}

func TestADamagedCopyOfTheSealIsMended(t *testing.T) {
	for second := range int64(2) {
		dir := syncedOverlay(t, testKey)
		f, err := os.OpenFile(filepath.Join(dir, dataName(testKey.Backup)), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		at := testKey.sealOffset() + second*slotBytes + 100
		if _, err := f.WriteAt([]byte{0xaa}, at); err != nil {
			t.Fatal(err)
		}
		if err := mustOpen(t, dir, Options{}).Close(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, slotBytes)
		if _, err := f.ReadAt(b, testKey.sealOffset()+second*slotBytes); err != nil {
			t.Fatal(err)
		}
		if _, err := decodeHeader(b); err != nil {
			t.Errorf("copy %d: %v", second, err)
		}
	}
}
