package xfs

import (
	"io"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// damageEnv is how many mutations the test of them takes; 200 if it is not set.
const damageEnv = "RESTOREFS_XFS_DAMAGES"

// exercise does with a file system what it can, to a bound.
func exercise(r io.ReaderAt, size int64) {
	f, err := Open(r, size, Options{CacheBytes: 1 << 20, JournalBytes: 4 << 20})
	if err != nil {
		if f, err = Open(r, size, Options{CacheBytes: 1 << 20, NoReplay: true}); err != nil {
			return
		}
	}
	guest.Exercise(reader(f))
}

// Whatever is damaged, nothing panics, takes long or much memory, or reads what
// is not the disk's.
func TestADamagedFileSystemDoesNoHarm(t *testing.T) {
	count, _ := strconv.Atoi(os.Getenv(damageEnv))
	count = max(count, 200)
	for n, kind := range sampleKinds {
		image := sample(t, n)
		list := places(openBytes(t, image, Options{}))
		// What Fix changes of a record lies before its parts.
		var keep [][2]int64
		for _, p := range list {
			if p.What == "record" || p.What == "superblock" {
				keep = append(keep, [2]int64{p.Off, p.Off + sectorBytes})
			}
		}
		guest.Damage(t, kind.name, image, list, count/len(sampleKinds), keep, func(g *guest.Guarded) {
			exercise(g, int64(len(image)))
		})
	}
}

// FuzzDamage changes bytes of a sample: patch is, repeatedly, the number of a
// place, where in it (two bytes each) and a byte. Checksums are made right.
func FuzzDamage(f *testing.F) {
	var images [][]byte
	var lists [][]guest.Place
	for n := range sampleKinds {
		image := sample(f, n)
		images, lists = append(images, image), append(lists, places(openBytes(f, image, Options{})))
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
