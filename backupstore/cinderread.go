package backupstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/format"
)

// cinderLooks is how many objects of a backup CinderCannotRestore looks at: one program has written
// all of them, so they are alike.
const cinderLooks = 8

// zstdHead is how much of a zstd object decides what Cinder can do with it: magic number,
// descriptor, window, dictionary id and content size (RFC 8878, 3.1.1).
const zstdHead = 4 + 1 + 1 + 4 + 8

// CinderCannotRestore returns in words why Cinder's own restore fails for a complete backup that
// restorefs reads; "" if it sees no reason. Cinder decompresses each zstd object into a buffer of
// the size that its first frame states (ZSTD_decompress), so it fails for a frame without a size
// and for a second frame. (Of several zlib streams both read only the first, of several bzip2
// streams both read all.)
//
// It reads the heads of the first zstd objects and of the last one, of b alone and not of its
// chain, and decodes nothing: it does not see what follows a frame that is as long as the object.
// The error is that of ctx or of the share.
func (c *Catalog) CinderCannotRestore(ctx context.Context, b *Backup) (string, error) {
	uses := false
	for _, name := range b.Compression {
		uses = uses || name == format.Zstd.String()
	}
	if !uses || b.State != Complete {
		return "", nil
	}
	var looked []format.Object
	if _, err := readMetadata(ctx, c.share, &b.Scanned, func(o format.Object) error {
		switch {
		case o.Compression != format.Zstd:
		case len(looked) < cinderLooks:
			looked = append(looked, o)
		default:
			looked[cinderLooks-1] = o
		}
		return nil
	}); err != nil {
		return "", fmt.Errorf("read the objects of backup %s: %w", b.ID, err)
	}
	for _, o := range looked {
		head, err := c.objectHead(ctx, b, o)
		if err != nil {
			return "", fmt.Errorf("read the head of object %05d of backup %s: %w",
				o.Number, b.ID, err)
		}
		if why := zstdRefused(head, o.Length); why != "" {
			return fmt.Sprintf("object %05d %s", o.Number, why), nil
		}
	}
	return "", nil
}

func (c *Catalog) objectHead(ctx context.Context, b *Backup, o format.Object) ([]byte, error) {
	f, err := c.share.Open(ctx, b.objectFile(o.Number))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := make([]byte, zstdHead)
	n, err := f.ReadAt(ctx, p, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return p[:n], err
}

// zstdRefused returns why Cinder cannot decompress a zstd object of length bytes that begins with
// head; "" also for an object that is not zstd.
func zstdRefused(head []byte, length int64) string {
	if len(head) < 5 {
		return ""
	}
	switch magic := binary.LittleEndian.Uint32(head); {
	case magic&0xfffffff0 == 0x184d2a50:
		return "begins with a skippable zstd frame"
	case magic != 0xfd2fb528:
		return ""
	}
	flags := head[4]
	at := 5
	single := flags&0x20 != 0
	if !single {
		at++ // skip the window
	}
	at += []int{0, 1, 2, 4}[flags&3]
	bytes := []int{0, 2, 4, 8}[flags>>6]
	if bytes == 0 && single {
		bytes = 1
	}
	if bytes == 0 {
		return "is a zstd frame that does not tell its size"
	}
	if at+bytes > len(head) {
		return ""
	}
	var size uint64
	for i := range bytes {
		size |= uint64(head[at+i]) << (8 * i)
	}
	if bytes == 2 {
		size += 256
	}
	if size < uint64(length) {
		return fmt.Sprintf("is of several zstd frames: the first has %d of its %d bytes",
			size, length)
	}
	return ""
}
