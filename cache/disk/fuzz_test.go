package disk

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzSlab opens arbitrary files, most of them with a header whose checksum is
// right. A file that is accepted must have the size that its header implies and
// hold all its slots.
func FuzzSlab(f *testing.F) {
	good := bytes.Repeat([]byte{7}, 3*keyBytes)
	f.Add(uint32(unitBytes), uint32(3), int64(0), good, true)
	f.Add(uint32(maxUnit), uint32(maxSlots), int64(0), good, true)
	f.Add(uint32(maxUnit), uint32(maxSlots+1), int64(0), good, true)
	f.Add(uint32(unitBytes-1), uint32(1), int64(0), good, true)
	f.Add(uint32(unitBytes), uint32(1<<31), int64(-1), []byte{}, true)
	f.Add(uint32(0), uint32(0), int64(100), header(unitBytes, 1), false)
	fd, err := unix.MemfdCreate("slab", unix.MFD_CLOEXEC)
	if err != nil {
		f.Skip("not in this run: ", err)
	}
	file := os.NewFile(uintptr(fd), "slab")
	f.Cleanup(func() { file.Close() })
	f.Fuzz(func(t *testing.T, unit, slots uint32, more int64, content []byte, mend bool) {
		size, at := more, int64(0)
		if mend {
			size, at = slabSize(int64(unit), int(slots))+more%2, headerBytes
		}
		if size < 0 || size > 1<<40 || len(content) > 1<<20 {
			return
		}
		if err := file.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if mend {
			file.WriteAt(header(int64(unit), int(slots)), 0)
		}
		file.WriteAt(content, at)
		if err := file.Truncate(size); err != nil {
			t.Fatal(err)
		}
		s, keys, err := readSlab(file, 5)
		if err != nil {
			if mend && more%2 == 0 && unit >= unitBytes && unit <= maxUnit && slots > 0 && slots <= maxSlots {
				t.Fatalf("%d slots of %d bytes: %v", slots, unit, err)
			}
			return
		}
		n := len(s.tags)
		if s.unit < unitBytes || s.unit > maxUnit || n < 1 || n > maxSlots || len(s.recent) != n || len(keys) != n*keyBytes {
			t.Fatalf("%d slots of %d bytes, %d bytes of keys", n, s.unit, len(keys))
		}
		if s.bytes() != size || s.dataAt(n-1)+s.unit != size || s.keyAt(n) > s.dataAt(0) {
			t.Fatalf("%d slots of %d bytes in a file of %d", n, s.unit, size)
		}
		if mend && !bytes.HasPrefix(keys, content[:min(len(content), len(keys))]) {
			t.Fatal("other keys")
		}
	})
}
