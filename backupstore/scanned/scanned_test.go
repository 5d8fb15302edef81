package scanned

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
	"github.com/restorefs/restorefs/cache/private"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// sample is a tree with everything that a tree may have.
func sample() *Tree {
	name, none, project := "daily ü", "", storetest.ID("project")
	volume := &format.VolumeSummary{Base: format.VolumeBase{Name: &name, SizeGiB: 7, Bootable: true, ProjectID: &project}, FromImage: true}
	stamp := Stamp{Inode: 1 << 60, Size: 4096, Modified: 1.7e18, Changed: 1.7e18 - 5, Change: 1 << 63}
	facts := func(dir string, i int) *Facts {
		f := &Facts{
			CreatedAt: time.Unix(1.7e9+int64(i), 250).UTC(), StoredBytes: 1 << 40, Objects: 3 + i, Compression: []string{"none", "zlib"},
			HasDigests: true, VolumeMeta: volume, DataEnd: 1 << 50, Grain: 32 << 10, Metadata: stamp,
			VolumePart: format.Part{Off: 100, Len: 2000}, Listing: 1<<64 - 1,
		}
		f.In(dir, fmt.Sprintf("volume_%s_20260201120000_backup_%s", storetest.ID("v"), storetest.ID(fmt.Sprint(i))))
		switch i {
		case 1:
			f.ParentID, f.Name, f.Description = storetest.ID("0"), &name, &none // which is here
		case 3:
			f.ParentID = storetest.ID("elsewhere")
		case 2:
			f.VolumeMeta, f.Compression, f.HasDigests, f.CreatedAt = nil, []string{}, false, time.Unix(0, 0).UTC()
		}
		return f
	}
	return &Tree{Key: 42, Judge: "1 v1.0", Full: time.Unix(0, 1.7e18), Root: &Dir{Name: ".", Backups: []*Facts{facts(".", 3)}, Dirs: []*Dir{
		{Name: "a b", Stamp: stamp, Backups: []*Facts{facts("a b", 0), facts("a b", 1)}},
		{Name: "latin1 \xfc", Dirs: []*Dir{{Name: "c", Stamp: stamp, Backups: []*Facts{facts("latin1 \xfc/c", 2)}}}},
	}}}
}

// encode returns the file of t.
func (t *Tree) encode() []byte {
	var file bytes.Buffer
	if err := t.write(&file); err != nil {
		panic(err)
	}
	return file.Bytes()
}

func TestATreeIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	want := sample()
	file := At(t.TempDir(), "nfs://server/export")
	if err := file.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := file.Load()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	n := 0
	got.All(func(f *Facts) bool {
		n++
		if f.ID == "" || f.VolumeID != storetest.ID("v") || f.Path != filepath.Join(f.Container(), f.Prefix()) {
			t.Errorf("%+v", f)
		}
		return n < 3
	})
	if n != 3 {
		t.Errorf("%d of 3 are told", n)
	}
	if other, err := At(filepath.Dir(file.path), "another").Load(); other != nil || err != nil {
		t.Errorf("%v, %v", other, err)
	}
}

func TestEveryFlippedBitAndEveryCutIsFoundOut(t *testing.T) {
	t.Parallel()
	text := string(sample().encode())
	for i := range len(text) {
		flipped := []byte(text)
		flipped[i] ^= 1 << (i % 8)
		for _, bad := range []string{text[:i], string(flipped)} {
			if tree, err := decode(bad); tree != nil || !errors.Is(err, errMalformed) {
				t.Fatalf("byte %d of %d: %v, %v", i, len(text), tree, err)
			}
		}
	}
}

// summed gives a text that was changed a checksum that is right.
func summed(body []byte) string {
	return string(binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli)))
}

func TestWhatHasARightChecksumIsNotBelievedEither(t *testing.T) {
	t.Parallel()
	text := sample().encode()
	body := text[:len(text)-crc32.Size]
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 5000 {
		bad := append([]byte{}, body...)
		for range 1 + rng.IntN(3) {
			bad[len(magic)+rng.IntN(len(bad)-len(magic))] = byte(rng.Uint32())
		}
		tree, err := decode(summed(bad))
		if err != nil {
			refused++
			continue
		}
		isSane(t, tree)
	}
	if refused < 1000 {
		t.Errorf("%d of 5000 are refused", refused)
	}
}

// isSane fails for a tree that a reader could not use.
func isSane(t *testing.T, tree *Tree) {
	t.Helper()
	tree.All(func(f *Facts) bool {
		if !format.IsID(f.ID) || !format.IsID(f.VolumeID) || f.StoredBytes < 0 || f.Objects < 0 || f.DataEnd < 0 ||
			f.VolumePart.Off < 0 || !f.Metadata.Known() {
			t.Fatalf("%+v", f)
		}
		return true
	})
}

func FuzzDecode(f *testing.F) {
	text := sample().encode()
	f.Add(text[len(magic) : len(text)-crc32.Size])
	f.Fuzz(func(t *testing.T, body []byte) {
		if tree, err := decode(summed(append([]byte(magic), body...))); err == nil {
			isSane(t, tree)
		}
	})
}

func TestAFileThatAnotherUserMadeIsNotRead(t *testing.T) {
	t.Parallel()
	need.Root(t)
	file := At(t.TempDir(), "share")
	if err := file.Save(sample()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file.path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if tree, err := file.Load(); tree != nil || !errors.Is(err, private.ErrForeign) {
		t.Errorf("%v, %v", tree, err)
	}
}

func TestATreeThatIsTooLargeIsNeitherWrittenNorRead(t *testing.T) {
	t.Parallel()
	tree := sample()
	file := At(t.TempDir(), "share")
	if err := os.WriteFile(file.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file.path, MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	if got, err := file.Load(); got != nil || !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, %v", got, err)
	}
	long := string(make([]byte, MaxBytes))
	tree.Root.Backups[0].Name = &long
	if err := file.Save(tree); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

func TestAStampIsSettledWhenItsClockHasMovedOn(t *testing.T) {
	t.Parallel()
	now := time.Unix(1.7e9, 0)
	at := func(ago time.Duration) Stamp {
		return Stamp{Inode: 1, Modified: 1, Changed: now.Add(-ago).UnixNano()}
	}
	for ago, want := range map[time.Duration]bool{
		time.Second: false, 2*time.Second + 1: true, -time.Hour: false, time.Hour + 1: true,
	} {
		if got := at(ago).Settled(now, 2*time.Second); got != want {
			t.Errorf("%v ago: %v", ago, got)
		}
	}
	whole := Stamp{Inode: 1, Modified: 1.69e18, Changed: now.Add(-time.Minute).UnixNano()}
	if whole.Settled(now, 2*time.Second) || !whole.Settled(now.Add(time.Minute+1), 2*time.Second) {
		t.Error("where times are whole seconds more of them must have gone by")
	}
	for _, untimed := range []Stamp{{Inode: 1, Modified: 1}, {Inode: 1, Changed: 1}} {
		counted := untimed
		counted.Change = 1
		if untimed.Settled(now, 0) || !counted.Settled(now, 0) {
			t.Errorf("%+v", untimed)
		}
	}
	if (Stamp{}).Settled(now, 0) || (Stamp{}).Known() {
		t.Error("no stamp is none")
	}
}

func TestEqualThingsBecomeOne(t *testing.T) {
	t.Parallel()
	n := NewInterner()
	of := func() *format.VolumeSummary {
		name := "web"
		return &format.VolumeSummary{Base: format.VolumeBase{Name: &name, SizeGiB: 1}}
	}
	a, b, other := n.Summary(of()), n.Summary(of()), of()
	other.Base.SizeGiB = 2
	if a != b || n.Summary(other) == a || n.Summary(nil) != nil {
		t.Error("summaries")
	}
	x, y := n.Compression([]string{"none", "zlib"}), n.Compression([]string{"none", "zlib"})
	if &x[0] != &y[0] || len(n.Compression(nil)) != 0 {
		t.Error("compressions")
	}
}

func TestADirectoryWithinAnotherCannotSayMoreThanTheFileHolds(t *testing.T) {
	e := encoder{[]byte(magic)}
	e.word(1)
	e.text("")
	e.number(1)
	e.count(0)
	e.count(0)
	for _, name := range "." + strings.Repeat("a", 7) {
		e.text(string(name))
		e.flags(false)
		e.count(0)
		e.count(1 << 20)
	}
	e.b = append(e.b, make([]byte, leastDir<<20)...)
	text := summed(e.b)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decode(text)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("it is read")
	}
	one := uint64(unsafe.Sizeof(Dir{})+8) << 20
	if got := after.TotalAlloc - before.TotalAlloc; got > 2*one {
		t.Errorf("%d bytes for directories of %d", got, one)
	}
}

func TestWhatAKilledProcessLeftIsSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "new": 0} {
		path := filepath.Join(dir, ".restorefs-"+name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := At(dir, "share").Save(sample()); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".restorefs-*")); err != nil ||
		len(left) != 1 || filepath.Base(left[0]) != ".restorefs-new" {
		t.Errorf("%v, %v", left, err)
	}
}
