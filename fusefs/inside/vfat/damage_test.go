package vfat

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

// damageEnv is how many mutations the test of them takes; 240 if it is not set.
const damageEnv = "RESTOREFS_VFAT_DAMAGES"

// places returns what of an image is worth damaging.
func places(t testing.TB, image []byte) []guest.Place {
	f := openBytes(t, image)
	fix := func([]byte) {}
	fixBoot := func(image []byte) {
		if f.ex {
			fixBootChecksum(image)
		}
	}
	list := []guest.Place{
		{
			What: "the boot sector",
			Off:  0,
			N:    120,
			Fix:  fixBoot,
		}, {What: "the boot sector", Off: 0, N: 512, Fix: fixBoot},
		{What: "a table of clusters", Off: f.fats[0], N: 512, Fix: fix},
	}
	if f.rootLength > 0 {
		list = append(list, guest.Place{What: "the root", Off: f.rootOff, N: 2048, Fix: fix})
	}
	var walk func(e entry)
	walk = func(e entry) {
		if e.first != 0 {
			c := f.chainOf(e)
			for i := range uint64(8) {
				n, err := c.cluster(i)
				if err != nil || n == 0 {
					break
				}
				off := f.offset(n)
				list = append(
					list,
					guest.Place{
						What: "a directory",
						Off:  off,
						N:    f.cluster,
						Fix: func(image []byte) {
							if f.ex {
								fixSets(image[off:][:f.cluster])
							}
						},
					},
				)
			}
		}
		guest.Must(t, f.list(e.ino, func(e entry) error {
			if e.dir {
				walk(e)
			}
			return nil
		}))
	}
	root, err := f.entry(rootInode)
	guest.Must(t, err)
	walk(root)
	return list
}

func fixBootChecksum(image []byte) {
	shift := image[108]
	if shift < 9 || shift > 12 {
		return
	}
	var sum uint32
	for i, b := range image[:11<<shift] {
		if i != 106 && i != 107 && i != 112 {
			sum = (sum<<31 | sum>>1) + uint32(b)
		}
	}
	for at := 11 << shift; at < 12<<shift; at += 4 {
		le.PutUint32(image[at:], sum)
	}
}

// fixSets makes the checksums of the files in a cluster right that lie wholly in it.
func fixSets(b []byte) {
	for at := 0; at < len(b); at += slotBytes {
		if n := (1 + int(b[at+1])) * slotBytes; b[at] == exFile && at+n <= len(b) {
			le.PutUint16(b[at+2:], setChecksum(b[at:at+n]))
		}
	}
}

func exercise(r io.ReaderAt, size int64) {
	if f, err := Open(r, size, Options{}); err == nil {
		guest.Exercise(reader(f))
	}
}

// Whatever is damaged, nothing panics, takes long or much memory, or reads what is not the disk's.
func TestADamagedFileSystemDoesNoHarm(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv(damageEnv))
	if err != nil {
		count = 240
	}
	for n, kind := range sampleKinds {
		image := sample(t, n)
		keep := [][2]int64{{0, 12 << 9}} // what the checksum of the boot region changes
		guest.Damage(
			t,
			kind.name,
			image,
			places(t, image),
			count/len(sampleKinds),
			keep,
			func(g *guest.Guarded) {
				exercise(g, int64(len(image)))
			},
		)
	}
}

// FuzzDamage changes bytes of a sample: patch is, repeatedly, the number of a place, where in it
// (two bytes each) and a byte. Checksums are made right.
func FuzzDamage(f *testing.F) {
	var images [][]byte
	var lists [][]guest.Place
	for n := range sampleKinds {
		image := sample(f, n)
		images, lists = append(images, image), append(lists, places(f, image))
	}
	f.Add(uint8(0), []byte{1, 0, 8, 0, 255})
	f.Add(uint8(2), []byte{4, 0, 41, 0, 1, 9, 0, 4, 0, 0})
	f.Fuzz(func(t *testing.T, which uint8, patch []byte) {
		if len(patch) > 200 {
			return
		}
		n := int(which) % len(images)
		image, list := slices.Clone(images[n]), lists[n]
		for ; len(patch) >= 5; patch = patch[5:] {
			p := list[int(le.Uint16(patch))%len(list)]
			image[p.Off+int64(le.Uint16(patch[2:]))%p.N] = patch[4]
			p.Fix(image)
		}
		exercise(&guest.Guarded{T: t, B: image}, int64(len(image)))
	})
}

func TestTheSecondCopiesAreUsed(t *testing.T) {
	for n, kind := range sampleKinds {
		image := sample(t, n)
		want := ownTree(t, openBytes(t, image))
		f := openBytes(t, image)
		told := 1
		if f.bits == 32 {
			clear(image[:512])
		}
		if !f.ex {
			told = 1 + f.bits/32
			clear(image[f.fats[0]+16:][:f.fats[1]-f.fats[0]-16])
		}
		g := openBytes(t, image)
		same(t, ownTree(t, g), want)
		notes := g.Info().Notes
		if len(notes) != told || !strings.Contains(strings.Join(notes, ""), "the second") {
			t.Errorf("%s: %q", kind.name, g.Info().Notes)
		}
	}
}

func TestLoopsEnd(t *testing.T) {
	image := sample(t, 0)
	f := openBytes(t, image)
	ino, err := f.Lookup(f.Root(), "many")
	guest.Must(t, err)
	e, err := f.entry(ino)
	guest.Must(t, err)
	// A directory whose chain comes back to its begin, in both tables.
	for _, fat := range f.fats {
		at := fat + int64(e.first)*3/2
		v := le.Uint16(image[at:])
		if e.first&1 == 0 {
			v = v&0xf000 | uint16(e.first)
		} else {
			v = v&0xf | uint16(e.first)<<4
		}
		le.PutUint16(image[at:], v)
	}
	n := 0
	ignored := openBytes(t, image).ReadDir(ino, func(Dirent) error { n++; return nil })
	if n == 0 || n > maxFATDir/slotBytes {
		t.Errorf("%d entries, %v", n, ignored)
	}
}

// table is a file system of which there is a table of clusters alone.
func table(t *testing.T, dev io.ReaderAt, size int64) *FS {
	t.Helper()
	return &FS{dev: reading.NewBlocks(dev, size, 8<<20), bits: 32, ex: true,
		geometry: geometry{clusters: 1<<32 - 20, cluster: 512, fats: []int64{0}}}
}

func TestAChainThatComesBackIsNotFollowedFarther(t *testing.T) {
	fat := make([]byte, 4096)
	for n := range uint32(500) { // 2, 3, ... 499, 300, ...
		le.PutUint32(fat[4*n:], n+1)
	}
	le.PutUint32(fat[4*499:], 300)
	c := &chain{f: table(t, bytes.NewReader(fat), int64(len(fat))), first: 2}
	if n, err := c.cluster(497); n != 499 || err != nil {
		t.Errorf("the last one is %d, %v", n, err)
	}
	began := time.Now()
	_, err := c.cluster(1 << 31)
	if _, ok := errors.AsType[*CorruptError](err); !ok || !strings.Contains(err.Error(), "comes back") {
		t.Errorf("%v", err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// gone is a reader that has given up: only what is kept of it can be read.
type gone struct {
	io.ReaderAt
	err error
}

func (g *gone) ReadAt(p []byte, off int64) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	return g.ReaderAt.ReadAt(p, off)
}

func TestWhoGivesUpIsNotKeptByALongChain(t *testing.T) {
	fat := make([]byte, 4<<20)
	for n := range uint32(1 << 20) {
		le.PutUint32(fat[4*n:], n+1)
	}
	dev := &gone{ReaderAt: bytes.NewReader(fat)}
	f := table(t, dev, int64(len(fat)))
	if n, err := (&chain{f: f, first: 2}).cluster(900_000); n != 900_002 || err != nil {
		t.Errorf("it is %d, %v", n, err)
	}
	dev.err = errors.New("given up")
	if _, err := (&chain{f: f, first: 2}).cluster(900_000); !errors.Is(err, dev.err) {
		t.Errorf("%v", err)
	}
}
