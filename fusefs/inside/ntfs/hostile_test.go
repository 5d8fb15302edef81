package ntfs

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

func TestADirectoryLargerThanTheDiskIsNotWalked(t *testing.T) {
	image := sample(t, 1)
	f := openBytes(t, image)
	many := recordAt(t, f, image, "many")
	blocks, bits := attributeAt(t, many, attrIndexBlocks), attributeAt(t, many, attrBitmap)
	if blocks[8] == 0 || bits[8] != 0 {
		t.Fatal("the directory of the sample has another form")
	}
	le.PutUint64(blocks[48:], 1<<61) // its size
	le.PutUint64(image[40:], 1<<52)  // sectors of the file system
	f = openBytes(t, image)
	dir, err := f.Lookup(f.Root(), "many")
	guest.Must(t, err)
	err = f.ReadDir(dir, func(Dirent) error { return nil })
	if _, ok := errors.AsType[*CorruptError](err); !ok {
		t.Error(err)
	}
}

func TestABlockOfADirectoryThatComesTwiceIsAnError(t *testing.T) {
	image := sample(t, 1)
	blocks := 0
	for off := 0; off+4096 <= len(image); off += 4096 {
		b := image[off:][:4096]
		if bytes.HasPrefix(b, []byte(indexMagic)) {
			le.PutUint64(b[16:], le.Uint64(b[16:])+1)
			blocks++
		}
	}
	f := openBytes(t, image)
	dir, err := f.Lookup(f.Root(), "many")
	if err == nil {
		err = f.ReadDir(dir, func(Dirent) error { return nil })
	}
	if blocks == 0 || err == nil || !strings.Contains(err.Error(), "of another place") {
		t.Errorf("%d blocks: %v", blocks, err)
	}
}

func TestAFileWithADamagedRecordOfItsNamesKeepsItsContents(t *testing.T) {
	image := sample(t, 1)
	f := openBytes(t, image)
	ino, err := f.Lookup(f.Root(), "tiny.txt")
	guest.Must(t, err)
	n, err := f.inode(ino)
	guest.Must(t, err)
	var last uint64
	for _, e := range n.list {
		if e.kind == attrName && e.record&recordNumbers != ino {
			last = e.record & recordNumbers
		}
	}
	if last == 0 {
		t.Fatal("the names of the sample's file are all in one record")
	}
	r, _ := findRun(f.mftRuns, last*uint64(f.record)/uint64(f.cluster))
	at := int64(r.lcn)*f.cluster + int64(last)*f.record - int64(r.vcn)*f.cluster
	clear(image[at:][:4])
	f = openBytes(t, image)
	if a, err := f.Stat(ino); err != nil || a.Size != 5 || a.Nlink != 21 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAStreamThatCannotBeReadLeavesTheOthers(t *testing.T) {
	image := sample(t, 1)
	damaged := 0
	for at := 0; ; at++ {
		next := bytes.Index(image[at:], []byte(wide("large")))
		if next < 0 {
			break
		}
		at += next
		if b := image[at-64:]; le.Uint32(b) == attrData && b[8] == 1 { // not resident
			b[le.Uint16(b[32:])] = 0x99 // its list of runs
			damaged++
		}
	}
	f := openBytes(t, image)
	ino, err := f.Lookup(f.Root(), "resident")
	guest.Must(t, err)
	list, err := f.Xattrs(ino)
	if damaged != 1 || err == nil || len(list) != 1 || list[0].Name != "user.Zone.Identifier" {
		t.Errorf("%d are damaged: %d are left, %v", damaged, len(list), err)
	}
}
