package backupstore

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Identity identifies the contents of a volume: the backups of the chain, and which bytes are where
// in them, by the MD5 that Cinder took of each object. It reads nothing. Damage to the digest file
// does not change it, because it does not depend on that file. Two volumes of the same identity
// hold the same bytes.
func (v *Volume) Identity() [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "restorefs volume 1\n%d\n", v.size)
	for _, b := range v.chain {
		fmt.Fprintf(h, "%q %q %d\n", b.ID, b.VolumeID, b.CreatedAt.UnixNano())
	}
	var row [8 * 4]byte
	for i := range v.objects {
		o := &v.objects[i]
		binary.LittleEndian.PutUint64(row[:], uint64(o.layer))
		binary.LittleEndian.PutUint64(row[8:], uint64(o.Number))
		binary.LittleEndian.PutUint64(row[16:], uint64(o.Offset))
		binary.LittleEndian.PutUint64(row[24:], uint64(o.Length))
		h.Write(row[:])
		h.Write(o.MD5[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
