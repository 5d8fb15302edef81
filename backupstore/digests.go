package backupstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/format"
)

// defaultBlock is the block size for volumes without digests.
const defaultBlock = 32 << 10

// Digests are the digests of a backup's volume without the volume: they show whether it equals
// another one, without composing it. It is immutable and safe for concurrent use.
type Digests struct{ digests }

// Digests opens the digests of b; nil if it has no usable ones. An error is always that of ctx. It
// reads both ends of one file, and later the rows that are asked for.
func (c *Catalog) Digests(ctx context.Context, b *Backup) (*Digests, error) {
	d, err := c.digests(ctx, b)
	if err != nil || d.rows == nil {
		return nil, err
	}
	return &Digests{d}, nil
}

// digests are what _sha256file says of a backup's volume. It is immutable.
type digests struct {
	backup *Backup
	rows   *digestRows // nil: no usable _sha256file
	unread error       // why it could not be read from the share, if it exists
}

// digests finds the digest rows of b. Without them, for whatever reason, objects are proven by
// their MD5: an error is always that of ctx.
func (c *Catalog) digests(ctx context.Context, b *Backup) (digests, error) {
	out := digests{backup: b}
	if !b.HasDigests {
		return out, nil
	}
	src := &storedFile{files: c.files, path: b.file("_sha256file")}
	var d *format.Digests
	var err error
	if src.fileInfo, err = c.files.stat(ctx, src.path); err == nil {
		d, err = format.OpenDigests(ctx, src)
	}
	if err == nil && (d.BackupID != b.ID || d.VolumeID != b.VolumeID) {
		err = fmt.Errorf("%w: it is of backup %s of volume %s", format.ErrDigests,
			d.BackupID, d.VolumeID)
	}
	switch {
	case err == nil:
		if why := sizeDoubt(b, d); why != "" {
			c.log.Warn(why, "backup", b.ID)
		}
		out.rows = newDigestRows(c.rows, d, b.chainEnd, func(err error) {
			c.log.Warn("some digests cannot be read; objects of those blocks are checked against "+
				"their MD5 instead", "backup", b.ID, "err", advised(err))
		})
	case ctx.Err() != nil:
		return digests{}, fmt.Errorf("open backup %s: %w", b.ID, ctx.Err())
	case errors.Is(err, format.ErrDigests) || errors.Is(err, format.ErrVersion):
		c.log.Warn("digest file cannot be used; objects are checked against their MD5 instead",
			"backup", b.ID, "err", err)
	default:
		out.unread = err
		c.log.Warn("digest file cannot be read; objects are checked against their MD5 instead",
			"backup", b.ID, "err", advised(err))
	}
	return out, nil
}

// sizeDoubt says in words that d are the digests of a volume of another size than the one that b
// has, "" if they are not. Cinder takes a digest of each block up to the volume's end
// (chunkeddriver.py), and volumes have whole GiB: digests that end elsewhere were made of something
// else, and say nothing.
func sizeDoubt(b *Backup, d *format.Digests) string {
	const gib = 1 << 30
	end := d.Rows() * d.BlockBytes()
	if b.VolumeMeta.SizeBytes() == 0 || end == b.Size || end%gib != 0 {
		return ""
	}
	return fmt.Sprintf(
		"its digests are those of a volume of %d GiB, but its size is %d GiB by its _metadata: "+
			"one of the two is wrong, and the disk may be too short or too long",
		end/gib, b.Size/gib)
}

// whyUnread returns why existing digests could not be read, nil if they could.
func (d *digests) whyUnread() error {
	if d.rows != nil {
		return d.rows.whyUnread()
	}
	return d.unread
}

// grid returns where the rows are.
func (d *digests) grid() rowGrid {
	if d.rows == nil {
		return rowGrid{}
	}
	return d.rows.rowGrid
}

// Align returns the block size in bytes: the unit that is decoded and verified.
func (d *digests) Align() int {
	if d.rows != nil {
		return int(d.rows.block)
	}
	return defaultBlock
}

// digest returns the row that proves a piece, or unreadable: then the MD5 of its objects proves it.
func (d *digests) digest(ctx context.Context, p piece) (format.Digest, error) {
	row, err := d.rows.at(ctx, p.row)
	if err != nil {
		err = fmt.Errorf("backup %s: digest of the block at %d: %w", d.backup.ID, p.off, err)
	}
	return row, err
}

// Digest returns the digest of the block at off, a multiple of Align; ok is false if no row of
// _sha256file covers all of it. Blocks with the same digest have the same bytes, in whatever backup
// they are.
func (d *digests) Digest(ctx context.Context, off int64) (digest [sha256.Size]byte, ok bool,
	err error) {
	// Where the objects are makes no difference: a row that covers a whole block proves all of it.
	p := pieceAt(nil, d.grid(), off, off+1)
	if p.by != byRow || p.covers < d.rows.block {
		return digest, false, nil
	}
	digest, err = d.digest(ctx, p)
	// That of zeros may be wrong, see zerorow.go.
	return digest, err == nil && digest != unreadable && digest != d.rows.zero, err
}
