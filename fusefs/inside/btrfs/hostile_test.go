package btrfs

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// made is a file system of blocks that are made up, in its cache.
type made struct{ *FS }

func madeUp() made {
	return made{&FS{super: super{node: 4096}, cache: make([]cached, 64),
		subvolumes: map[uint64]subvolume{}}}
}

// leaf adds a leaf.
func (m made) leaf(logical uint64, items ...item) {
	size := nodeHead + itemBytes*len(items)
	b := make([]byte, size)
	for i, it := range items {
		head := b[nodeHead+itemBytes*i:]
		putKey(head, it.key)
		le.PutUint32(head[17:], uint32(len(b)-nodeHead))
		le.PutUint32(head[21:], uint32(len(it.data)))
		b = append(b, it.data...)
	}
	m.cache[logical/4096%64] = cached{logical, &node{b: b, count: len(items)}}
}

func putKey(b []byte, k key) {
	le.PutUint64(b, k.object)
	b[8] = k.kind
	le.PutUint64(b[9:], k.offset)
}

func TestExtendedAttributesAreBoundedByWhatTheyTake(t *testing.T) {
	for name, most := range map[string]int{"": 0, "a": maxXattrs / (xattrBytes + 1)} {
		m := madeUp()
		entry := make([]byte, entryHead+len(name))
		le.PutUint16(entry[27:], uint16(len(name)))
		copy(entry[entryHead:], name)
		m.leaf(4096, item{key{300, kindInode, 0}, make([]byte, inodeBytes)},
			item{key{300, kindXattr, 0}, bytes.Repeat(entry, 20000)})
		m.subvolumes[topLevel] = subvolume{id: topLevel, root: pointer{logical: 4096}}
		if list, err := m.Xattrs(300); !isCorrupt(err) || len(list) != most {
			t.Errorf("of the name %q: %d, %v", name, len(list), err)
		}
	}
}

func TestAMissingChecksumIsAnError(t *testing.T) {
	f := openBytes(t, sample(t, 0))
	ino, err := f.Lookup(f.Root(), "holes")
	guest.Must(t, err)
	file, err := f.Open(ino)
	guest.Must(t, err)
	p := make([]byte, 5)
	_, err = file.ReadAt(p, 4*4096)
	guest.Must(t, err)
	f.checksums = f.chunkRoot // that tree has none
	if _, err := file.ReadAt(p, 4*4096); !errors.Is(err, errNoSum) {
		t.Errorf("%v", err)
	}
	le.PutUint64(file.inode.data[64:], flagNoSums)
	if _, err := file.ReadAt(p, 4*4096); err != nil || string(p) != "piece" {
		t.Errorf("a file without checksums: %q, %v", p, err)
	}
}

func TestWhatLinuxNeverWritesIsRefused(t *testing.T) {
	if wellNamed(strings.Repeat("n", 256)) || !wellNamed(strings.Repeat("n", 255)) {
		t.Error("names of 255 bytes are the longest")
	}
	f := madeUp()
	b := make([]byte, chunkHead+32*maxStripes)
	le.PutUint64(b, 1<<20)
	le.PutUint16(b[44:], maxStripes)
	c, _, err := f.parseChunk(0, b)
	guest.Must(t, err)
	if len(c.copies) != maxCopies {
		t.Errorf("%d copies of a chunk", len(c.copies))
	}
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(4*maxWindow))
	guest.Must(t, err)
	_, err = z.Write(make([]byte, maxWindow))
	guest.Must(t, err)
	guest.Must(t, z.Flush()) // its size is not known then
	_, err = z.Write([]byte("more"))
	guest.Must(t, err)
	guest.Must(t, z.Close())
	err = unzstd(make([]byte, maxExtent), packed.Bytes(), 4096)
	if !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("a large window: %v", err)
	}
}
