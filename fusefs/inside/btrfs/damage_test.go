package btrfs

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// damageEnv is how many mutations the test of them takes; 240 if it is not set.
const damageEnv = "RESTOREFS_BTRFS_DAMAGES"

// places returns what of an image is worth damaging: the superblock and the blocks of all trees.
func places(t testing.TB, image []byte) (list []guest.Place) {
	f := openBytes(t, image)
	add := func(what string, off, n int64) {
		list = append(list, guest.Place{What: what, Off: off, N: n, Fix: func(image []byte) {
			b := image[off:][:n]
			copy(b, f.checksum.of(b[32:]))
		}})
	}
	add("the superblock", superPlaces[0], superBytes)
	known := map[uint64]bool{}
	var walk func(p pointer)
	walk = func(p pointer) {
		if known[p.logical] {
			return
		}
		known[p.logical] = true
		n, err := f.node(p)
		guest.Must(t, err)
		c, in, err := f.chunkAt(p.logical)
		guest.Must(t, err)
		add("a block of a tree", c.copies[0]+in, f.super.node)
		for i := range n.count {
			if n.level > 0 {
				walk(n.pointer(i))
			} else if k := n.key(i); k.kind == kindRoot && len(n.data(i)) >= rootItemBytes {
				s, err := f.rootItem(k.object)
				guest.Must(t, err)
				walk(s.root)
			}
		}
	}
	walk(f.chunkRoot)
	walk(f.super.root)
	return list
}

func exercise(r io.ReaderAt, size int64) {
	if f, err := Open(r, size, Options{CacheBytes: 1 << 20}); err == nil {
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
		guest.Damage(t, kind.name, image, places(t, image), count/len(sampleKinds), nil,
			func(g *guest.Guarded) { exercise(g, int64(len(image))) })
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
	f.Add(uint8(1), []byte{4, 0, 101, 0, 1, 9, 0, 4, 0, 0})
	f.Fuzz(func(t *testing.T, which uint8, patch []byte) {
		if len(patch) > 200 {
			return
		}
		n := int(which) % len(images)
		list, image := lists[n], images[n]
		changed := overlaid{image, map[int64][]byte{}}
		for ; len(patch) >= 5; patch = patch[5:] {
			p := list[int(le.Uint16(patch))%len(list)]
			b := changed.blocks[p.Off]
			if b == nil {
				b = slices.Clone(image[p.Off:][:p.N])
				changed.blocks[p.Off] = b
			}
			b[int64(le.Uint16(patch[2:]))%p.N] = patch[4]
			copy(b, checksumOfSample(b))
		}
		exercise(changed, int64(len(image)))
	})
}

func checksumOfSample(b []byte) []byte {
	c, _ := checksumOf(0)
	return c.of(b[32:])
}

// overlaid is an image with some blocks changed: a copy of all of it for each input would be slow.
type overlaid struct {
	image  []byte
	blocks map[int64][]byte
}

func (o overlaid) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(o.image).ReadAt(p, off)
	for at, b := range o.blocks {
		if from, to := max(at, off), min(at+int64(len(b)), off+int64(n)); from < to {
			copy(p[from-off:to-off], b[from-at:])
		}
	}
	return n, err
}

// FuzzDecompress decompresses anything.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x20\x00\x00\x00\x18\x00\x00\x00\x15abcd\x11\x00\x00"), uint16(5000))
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		out := make([]byte, int(size)+1)
		guest.Ignore(unlzo(out, in, 4096))
		guest.Ignore(unzlib(out, in, 4096))
		guest.Ignore(unzstd(out, in, 4096))
	})
}
