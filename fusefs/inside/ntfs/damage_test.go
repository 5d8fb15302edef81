package ntfs

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
const damageEnv = "RESTOREFS_NTFS_DAMAGES"

// fixEnds makes the ends of sectors right.
func fixEnds(b []byte) {
	at, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	if count != len(b)/sectorBytes+1 || at+2*count > len(b) {
		return
	}
	for i := 1; i < count; i++ {
		copy(b[i*sectorBytes-2:], b[at:at+2])
	}
}

// places returns what of an image is worth damaging.
func places(t testing.TB, image []byte) []guest.Place {
	f := openBytes(t, image)
	list := []guest.Place{{What: "the boot sector", Off: 0, N: 80, Fix: func([]byte) {}}}
	add := func(what string, off, n int64) {
		list = append(list, guest.Place{What: what, Off: off, N: n, Fix: func(image []byte) {
			fixEnds(image[off:][:n])
		}})
	}
	for _, r := range f.mftRuns {
		off, n := int64(r.lcn)*f.cluster, int64(r.count)*f.cluster
		for at := off; at+f.record <= off+n; at += f.record {
			b := image[at:][:f.record]
			if string(b[:4]) == fileMagic && b[22]&recordUsed != 0 &&
				le.Uint32(b[44:]) != 1 && le.Uint32(b[44:]) != 4 {
				add("a record", at, f.record)
			}
		}
	}
	for at := 0; at+4096 <= len(image); at += sectorBytes {
		if bytes.HasPrefix(image[at:], []byte(indexMagic)) {
			add("a block of an index", int64(at), 4096)
		}
	}
	dir, err := f.Lookup(f.Root(), "compressed")
	guest.Must(t, err)
	text, err := f.Lookup(dir, "text")
	guest.Must(t, err)
	file, err := f.Open(text)
	guest.Must(t, err)
	r, err := file.runAt(0)
	guest.Must(t, err)
	list = append(list, guest.Place{What: "data", Off: int64(r.lcn) * f.cluster, N: 512,
		Fix: func([]byte) {}})
	return list
}

func exercise(r io.ReaderAt, size int64) {
	f, err := Open(r, size, Options{CacheBytes: 1 << 20})
	if err != nil {
		return
	}
	guest.Exercise(reader(f))
	if ino, err := f.Lookup(f.Root(), "resident:large"); err == nil {
		if file, err := f.Open(ino); err == nil {
			_, err = file.ReadAt(make([]byte, 100), 1000)
			guest.Ignore(err)
		}
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
// (two bytes each) and a byte. Ends of sectors are made right.
func FuzzDamage(f *testing.F) {
	var images [][]byte
	var lists [][]guest.Place
	for n := range sampleKinds {
		image := sample(f, n)
		images, lists = append(images, image), append(lists, places(f, image))
	}
	f.Add(uint8(0), []byte{1, 0, 8, 0, 255})
	f.Add(uint8(1), []byte{4, 0, 41, 0, 1, 9, 0, 4, 0, 0})
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

// FuzzDecompress decompresses anything.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x0b\x80\x00abcdefgh\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := make([]byte, 64<<10)
		if n, _ := decompress(out, in); n > len(out) {
			t.Errorf("%d bytes", n)
		}
	})
}
