package luks

import (
	"fmt"
	"io"
)

// Key is the key of a volume, and decrypts it.
type Key struct {
	h    *Header
	c    decrypter
	slot int
}

// Slot returns the number of the key slot that it was found in.
func (k *Key) Slot() int { return k.slot }

// Header returns the header of the volume.
func (k *Key) Header() *Header { return k.h }

// Close wipes the key, as far as libraries have made no copies.
func (k *Key) Close() { k.c.close() }

// Align returns the range of whole sectors of the plain volume that has [off, off+n).
func (k *Key) Align(off, n int64) (start, length int64) {
	each := int64(k.h.SectorBytes)
	start = off / each * each
	return start, (off + n - start + each - 1) / each * each
}

// Decrypt decrypts whole sectors in place, which lie at off in the plain volume.
func (k *Key) Decrypt(p []byte, off int64) {
	k.c.decrypt(p, k.h.SectorBytes, k.h.tweak+uint64(off/sector))
}

// Size returns the size of the plain volume in bytes.
func (k *Key) Size() int64 { return k.h.Size }

// On returns the plain volume as it is read through r, which is the encrypted one and must return
// all bytes asked for or an error.
func (k *Key) On(r io.ReaderAt) io.ReaderAt {
	if k.h.image != nil {
		return &mapped{r, k}
	}
	return &plain{r, k}
}

// plain is an encrypted volume, decrypted as it is read.
type plain struct {
	r io.ReaderAt
	k *Key
}

// ReadAt implements io.ReaderAt.
func (p *plain) ReadAt(b []byte, off int64) (done int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d", off)
	}
	short := error(nil)
	if left := p.k.Size() - off; int64(len(b)) > left {
		b, short = b[:max(left, 0)], io.EOF
	}
	each := p.k.h.SectorBytes
	for done < len(b) {
		at := off + int64(done)
		into := int(at % int64(each))
		part := b[done:]
		if into == 0 && len(part) >= each {
			part = part[:len(part)/each*each]
			err = p.sectors(part, at)
		} else {
			whole := make([]byte, each)
			err = p.sectors(whole, at-int64(into))
			part = part[:copy(part, whole[into:])]
		}
		if err != nil {
			return done, err
		}
		done += len(part)
	}
	return done, short
}

// sectors reads whole sectors.
func (p *plain) sectors(b []byte, off int64) error {
	if n, err := p.r.ReadAt(b, p.k.h.Start+off); n < len(b) {
		return orShort(err)
	}
	p.k.Decrypt(b, off)
	return nil
}
