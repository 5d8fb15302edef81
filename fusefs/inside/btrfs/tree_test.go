package btrfs

import (
	"bytes"
	"testing"
)

// madeNode writes a block of a tree without data: keys with a place for each, or items.
func madeNode(f *FS, image []byte, at uint64, level uint8, keys, places []uint64) {
	b := image[at:][:f.super.node]
	le.PutUint64(b[48:], at)
	le.PutUint32(b[96:], uint32(len(keys)))
	b[100] = level
	for i, k := range keys {
		if level > 0 {
			le.PutUint64(b[nodeHead+pointerBytes*i:], k)
			le.PutUint64(b[nodeHead+pointerBytes*i+17:], places[i])
		} else {
			le.PutUint64(b[nodeHead+itemBytes*i:], k)
		}
	}
	copy(b, f.checksum.of(b[32:]))
}

// Two blocks end with the same one, which is found again behind what is before its end.
func TestATreeThatComesBackIsAnError(t *testing.T) {
	image := make([]byte, 64<<10)
	sums, err := checksumOf(0)
	if err != nil {
		t.Fatal(err)
	}
	f := &FS{r: bytes.NewReader(image), size: int64(len(image)), cache: make([]cached, 8)}
	f.super.node, f.sector, f.checksum = 4096, 4096, sums
	f.chunks = []chunk{{0, uint64(len(image)), []int64{0}, ""}}
	madeNode(f, image, 4096, 3, []uint64{1, 5}, []uint64{8192, 12288})
	madeNode(f, image, 8192, 2, []uint64{1}, []uint64{16384})
	madeNode(f, image, 12288, 2, []uint64{5}, []uint64{20480})
	madeNode(f, image, 16384, 1, []uint64{1, 7}, []uint64{24576, 32768})
	madeNode(f, image, 20480, 1, []uint64{5, 7}, []uint64{28672, 32768})
	madeNode(f, image, 24576, 0, []uint64{1}, nil)
	madeNode(f, image, 28672, 0, []uint64{5}, nil)
	madeNode(f, image, 32768, 0, []uint64{7, 9}, nil)
	n := 0
	err = f.walk(pointer{logical: 4096, level: 3}, key{}, func(item) (bool, error) { n++; return true, nil })
	if err == nil || n != 3 {
		t.Errorf("%d items, %v", n, err)
	}
}
