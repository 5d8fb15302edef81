package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share"
)

// justNow is how long after its last write a file may still be incomplete: Cinder writes under the
// final name, and clocks differ.
const justNow = 10 * time.Minute

func writtenJustNow(t time.Time) bool { return time.Since(t) < justNow }

// errUnfinished is the error for an old backup without _metadata, whose id is therefore not known.
var errUnfinished = errors.New("no _metadata")

// load finds out what a backup's files say. It reads _metadata unless before still says it. An
// error is that of ctx or, for an old backup only, why its id is not known.
func (s *scanner) load(ctx context.Context, set *fileSet, before *Scanned) (*Scanned, error) {
	// A backup with problems is read again, because they may have passed; one that was fresh,
	// because it may have been written once more within the same tick of the clock.
	unsure := before != nil && before.fresh && !set.fresh
	if before != nil && !unsure && before.readable && len(before.alone.Problems) == 0 &&
		before.Listing == set.listing && len(set.errs)+len(set.odd) == 0 {
		return before, nil
	}
	b, err := s.read(ctx, set, before)
	switch {
	case err != nil:
		return nil, err
	case b.isFine():
		if b.judged = fine; set.fresh {
			b.judged = fineYet
		}
		if unsure && reflect.DeepEqual(b.Facts, before.Facts) {
			b.Facts = before.Facts
		}
	case before != nil && !unsure && before.Listing == b.Listing &&
		before.alone.State == b.alone.State &&
		slices.Equal(before.alone.Problems, b.alone.Problems):
		return before, nil // so that all see that nothing has changed
	}
	return b, nil
}

// read is load without before, but for who a backup is whose _metadata does not say it any more.
func (s *scanner) read(ctx context.Context, set *fileSet, before *Scanned) (*Scanned, error) {
	b := &Scanned{
		&scanned.Facts{StoredBytes: set.stored, Objects: len(set.objects),
			HasDigests: set.digests != nil, Listing: set.listing},
		&judged{alone: Verdict{State: Complete}, fresh: set.fresh},
	}
	b.In(set.dir, set.name.Prefix)
	b.CreatedAt = started(set.name)
	if set.old() {
		if set.metadata == nil {
			return nil, errUnfinished
		}
		b.CreatedAt = set.metadata.ModTime.UTC()
	}
	defer set.report(b)
	if set.metadata == nil {
		b.alone.State = Incomplete
		hint := "Cinder did not complete this backup, it cannot be restored"
		if writtenJustNow(set.newest) {
			hint = "Cinder is still writing this backup, or was stopped just now"
		}
		b.alone.problem("unfinished: it has no _metadata, which Cinder writes last; %s "+
			"(last write %s)", hint, set.newest.UTC().Format(time.RFC3339))
		return b, nil
	}
	b.Metadata = scanned.Of(set.metadata.Stamp)
	err := set.parse(ctx, s.share, s.interned, b)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, format.ErrCut) && writtenJustNow(set.metadata.ModTime) {
		err = fmt.Errorf("%w; it was written just now, maybe Cinder is not done yet: "+
			"look again in some minutes", err)
	}
	if err != nil && b.ID == "" {
		if before == nil {
			return nil, err
		}
		b.ID, b.VolumeID = before.ID, before.VolumeID
	}
	if err != nil {
		if notGiven(err) != 0 {
			b.unread = err
		}
		b.alone.broken("_metadata cannot be used: %v", advised(err))
		return b, nil
	}
	b.readable = true
	if set.digests == nil {
		b.alone.problem("no _sha256file: each object is checked against its MD5 as a whole " +
			"before its first byte is used, which is slow")
	}
	if b.VolumeMeta.SizeBytes() == 0 && b.HasDigests {
		return b, s.sizeFromDigests(ctx, b)
	}
	return b, nil
}

// old reports whether the names of the files do not identify the backup.
func (set *fileSet) old() bool { return set.name.Prefix == format.OldPrefix }

// started returns when the backup was started, zero if its name does not tell.
func started(n format.Name) time.Time {
	t, _ := time.Parse("20060102150405", n.Time)
	return t
}

// report adds the problems of the files themselves.
func (set *fileSet) report(b *Scanned) {
	slices.Sort(set.odd)
	for _, name := range set.odd[:min(len(set.odd), 3)] {
		b.alone.problem("%s is no regular file and is not used", name)
	}
	if n := len(set.errs); n > 0 {
		b.alone.broken("%d of its files cannot be looked at: %v", n, advised(set.errs[0]))
	}
}

// parse fills b from _metadata and compares it with the existing files.
func (set *fileSet) parse(ctx context.Context, s share.Share, interned *scanned.Interner,
	b *Scanned) error {
	var missing, short []uint32
	count := 0
	m, err := readMetadata(ctx, s, b, func(o format.Object) error {
		count++
		b.list.add(o)
		if name := o.Compression.String(); !slices.Contains(b.Compression, name) {
			b.Compression = append(b.Compression, name)
		}
		b.DataEnd = max(b.DataEnd, o.End())
		size, ok := set.objects[o.Number]
		switch {
		case !ok:
			missing = append(missing, o.Number)
		case size == unseen:
		case o.Compression == format.None && size < o.Length, size == 0:
			short = append(short, o.Number)
		}
		return nil
	})
	if err != nil {
		b.Compression, b.DataEnd, b.list = nil, 0, objectList{}
		return err
	}
	if b.ID == "" {
		b.ID, b.VolumeID = m.BackupID, m.VolumeID
	}
	b.ParentID, b.Name, b.Description, b.Objects = m.ParentID, m.BackupName,
		m.Description, count
	b.Grain = b.list.grain
	switch from := "from the file names"; {
	case !m.CreatedAt.IsZero():
		b.CreatedAt = m.CreatedAt
	default:
		if set.old() {
			from = "to be when that was written"
		}
		b.alone.problem("created_at in _metadata is no time: taken %s", from)
	}
	slices.Sort(b.Compression)
	b.Compression = interned.Compression(b.Compression)
	b.VolumeMeta, b.VolumePart = interned.Summary(m.Volume), m.VolumeMeta
	if m.VolumeErr != nil {
		b.alone.problem("the data is usable, the volume's metadata is not, or not all of it: %v",
			m.VolumeErr)
	}
	if len(missing) > 0 {
		b.alone.broken("%s missing", objectNumbers(missing))
	}
	if len(short) > 0 {
		b.alone.broken("%s shorter than _metadata says", objectNumbers(short))
	}
	if len(m.Unknown) > 0 {
		b.alone.problem("its _metadata has %q, which no %s writes: a newer one may mean by it "+
			"what this restorefs does not know",
			m.Unknown, format.KnownReleases)
	}
	if why := b.list.doubt(m); why != "" {
		b.inDoubt(why)
	}
	if extra := len(set.objects) - (count - len(missing)); extra > 0 {
		b.alone.problem("%d object file(s) that _metadata does not know (Cinder's own restore "+
			"refuses such a directory)", extra)
	}
	return nil
}

// readMetadata reads and checks b's _metadata.
func readMetadata(ctx context.Context, s share.Share, b *Scanned,
	each func(format.Object) error) (format.Metadata, error) {
	if b.Metadata.Size > format.MaxMetadataBytes {
		return format.Metadata{}, fmt.Errorf("%w: %d bytes", format.ErrTooLarge, b.Metadata.Size)
	}
	f, err := s.Open(ctx, b.file("_metadata"))
	if err != nil {
		return format.Metadata{}, err
	}
	defer f.Close()
	m, err := format.ParseMetadata(io.NewSectionReader(withContext{ctx, f}, 0, f.Size()),
		b.Key(), each)
	if err == nil && b.ID != "" && (m.BackupID != b.ID || m.VolumeID != b.VolumeID) {
		says := "the file names say otherwise"
		if b.Prefix() == format.OldPrefix {
			says = "another one was here before: a Cinder before 11.0 writes over a backup in " +
				"the same container"
		}
		err = fmt.Errorf("%w: it is of backup %s of volume %s, %s", format.ErrJSON, m.BackupID,
			m.VolumeID, says)
	}
	return m, err
}

// withContext makes an io.ReaderAt of a file for one call.
type withContext struct {
	ctx context.Context
	f   share.File
}

func (w withContext) ReadAt(p []byte, off int64) (int, error) { return w.f.ReadAt(w.ctx, p, off) }

// sizeFromDigests notes the number of digest rows of a backup that does not record the volume's
// size. An error is always that of ctx.
func (s *scanner) sizeFromDigests(ctx context.Context, b *Scanned) error {
	f, err := s.share.Open(ctx, b.file("_sha256file"))
	if err == nil {
		defer f.Close()
		var d *format.Digests
		if d, err = format.OpenDigests(ctx, f); err == nil && d.BackupID != b.ID {
			err = fmt.Errorf("%w: it is of backup %s", format.ErrDigests, d.BackupID)
		}
		if err == nil {
			b.rows, b.rowBytes = d.Rows(), d.BlockBytes()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		b.alone.problem("the volume's size is not recorded and its digests do not tell it (%v): "+
			"taken from the end of the data", err)
	}
	return nil
}

// objectNumbers returns the first few of a list of objects, in words.
func objectNumbers(numbers []uint32) string {
	switch {
	case len(numbers) == 1:
		return fmt.Sprintf("object %05d is", numbers[0])
	case len(numbers) <= 3:
		return fmt.Sprintf("objects %05d are", numbers)
	}
	return fmt.Sprintf("objects %05d and %d more are", numbers[:3], len(numbers)-3)
}
