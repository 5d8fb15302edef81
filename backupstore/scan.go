package backupstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// scanDepth bounds how deep below the root containers are looked for.
	// Cinder's own are three levels down; a configured one may be nested.
	scanDepth = 16
	// scanParallel directories are read at once: on NFS the waiting is for
	// round trips, not for the processor.
	scanParallel = 16
)

// fileSet is the files of one backup as a directory lists them.
type fileSet struct {
	name     format.Name
	dir      string
	objects  map[uint32]int64 // number -> stored bytes
	metadata *share.Entry
	digests  *share.Entry
	stored   int64
}

// scan looks at every directory of the share and returns its backups, their
// parents not yet resolved, with what could not be read.
func scan(ctx context.Context, s share.Share) ([]*Backup, []error, error) {
	var mu sync.Mutex // guards backups, unread and next
	var backups []*Backup
	var unread []error
	level := []string{"."}
	for depth := 0; len(level) > 0; depth++ {
		var next []string
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(scanParallel)
		for _, dir := range level {
			g.Go(func() error {
				entries, err := s.ReadDir(gctx, dir)
				if err != nil {
					if gctx.Err() != nil || dir == "." {
						return fmt.Errorf("read the share %s: %w", s, err)
					}
					if !errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
						mu.Lock()
						unread = append(unread, fmt.Errorf("directory %s cannot be read, backups in it are not seen: %w", dir, err))
						mu.Unlock()
					}
					return nil
				}
				sets, subdirs := group(dir, entries)
				var found []*Backup
				for _, set := range sets {
					b, err := set.load(gctx, s)
					if err != nil {
						return err
					}
					found = append(found, b)
				}
				mu.Lock()
				defer mu.Unlock()
				backups = append(backups, found...)
				next = append(next, subdirs...)
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return nil, nil, err
		}
		if depth == scanDepth && len(next) > 0 {
			unread = append(unread, fmt.Errorf("directory %s and others are more than %d levels deep and are not looked at", next[0], scanDepth))
			break
		}
		level = next
	}
	slices.SortFunc(unread, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return backups, unread, nil
}

// group sorts a directory's entries into backups and subdirectories. Links are
// neither.
func group(dir string, entries []share.Entry) (map[string]*fileSet, []string) {
	sets := map[string]*fileSet{}
	var subdirs []string
	for i := range entries {
		e := &entries[i]
		if e.Mode.IsDir() {
			subdirs = append(subdirs, path.Join(dir, e.Name))
			continue
		}
		n, ok := format.ParseName(e.Name)
		if !ok || !e.Mode.IsRegular() {
			continue
		}
		set := sets[n.Prefix]
		if set == nil {
			set = &fileSet{name: n, dir: dir, objects: map[uint32]int64{}}
			sets[n.Prefix] = set
		}
		set.stored += e.Size
		switch n.Kind {
		case format.KindObject:
			set.objects[n.Number] = e.Size
		case format.KindMetadata:
			set.metadata = e
		case format.KindDigests:
			set.digests = e
		}
	}
	return sets, subdirs
}

// load reads the backup's _metadata and says what is wrong with it. An error is
// only ctx's.
func (set *fileSet) load(ctx context.Context, s share.Share) (*Backup, error) {
	b := &Backup{
		ID: set.name.BackupID, VolumeID: set.name.VolumeID, Container: set.dir, Prefix: set.name.Prefix,
		State: Complete, StoredBytes: set.stored, Objects: len(set.objects), HasDigests: set.digests != nil,
	}
	b.CreatedAt, _ = time.Parse("20060102150405", set.name.Time)
	if set.digests != nil {
		b.digests = fileInfo{set.digests.Size, set.digests.ModTime}
	}
	if set.metadata == nil {
		b.State = Incomplete
		b.problem("unfinished: it has no _metadata, Cinder did not complete this backup (or is still writing it)")
		return b, nil
	}
	b.metadata = fileInfo{set.metadata.Size, set.metadata.ModTime}
	err := set.parse(ctx, s, b)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		b.broken("_metadata cannot be used: %v", err)
		return b, nil
	}
	b.usable = true
	if b.volumeMetaText != "" {
		if b.VolumeMeta, err = format.ParseVolumeMeta(b.volumeMetaText); err != nil {
			b.problem("the data is usable, the volume's metadata is not: %v", err)
		}
	}
	if set.digests == nil {
		b.problem("no _sha256file: each object is checked against its MD5 as a whole before its first byte is used, which is slow")
	}
	return b, nil
}

// parse fills b from _metadata and compares it with the files there are.
func (set *fileSet) parse(ctx context.Context, s share.Share, b *Backup) error {
	compressions := map[format.Compression]bool{}
	var missing, short []uint32
	count := 0
	m, err := readMetadata(ctx, s, b, func(o format.Object) error {
		count++
		compressions[o.Compression] = true
		b.end = max(b.end, o.End())
		size, ok := set.objects[o.Number]
		switch {
		case !ok:
			missing = append(missing, o.Number)
		case o.Compression == format.None && size < o.Length, size == 0:
			short = append(short, o.Number)
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.ParentID, b.Name, b.Description, b.CreatedAt = m.ParentID, m.BackupName, m.Description, m.CreatedAt
	b.volumeMetaText, b.Objects = m.VolumeMeta, count
	for c := range compressions {
		b.Compression = append(b.Compression, c.String())
	}
	slices.Sort(b.Compression)
	if len(missing) > 0 {
		b.broken("%s missing", objectNumbers(missing))
	}
	if len(short) > 0 {
		b.broken("%s shorter than _metadata says", objectNumbers(short))
	}
	if extra := len(set.objects) - (count - len(missing)); extra > 0 {
		b.problem("%d object files that _metadata does not know (Cinder's own restore refuses such a directory)", extra)
	}
	return nil
}

// readMetadata reads and checks b's _metadata.
func readMetadata(ctx context.Context, s share.Share, b *Backup, each func(format.Object) error) (format.Metadata, error) {
	if b.metadata.size > format.MaxMetadataBytes {
		return format.Metadata{}, fmt.Errorf("%w: %d bytes", format.ErrTooLarge, b.metadata.size)
	}
	f, err := s.Open(ctx, b.file("_metadata"))
	if err != nil {
		return format.Metadata{}, err
	}
	defer f.Close()
	m, err := format.ParseMetadata(io.NewSectionReader(withContext{ctx, f}, 0, f.Size()), b.Prefix, each)
	if err == nil && (m.BackupID != b.ID || m.VolumeID != b.VolumeID) {
		err = fmt.Errorf("%w: it is of backup %s of volume %s, the file names say otherwise", format.ErrJSON, m.BackupID, m.VolumeID)
	}
	return m, err
}

// withContext makes an io.ReaderAt of a file for the length of one call.
type withContext struct {
	ctx context.Context
	f   share.File
}

func (w withContext) ReadAt(p []byte, off int64) (int, error) { return w.f.ReadAt(w.ctx, p, off) }

// objectNumbers names the first few of a list of objects.
func objectNumbers(numbers []uint32) string {
	switch {
	case len(numbers) == 1:
		return fmt.Sprintf("object %05d is", numbers[0])
	case len(numbers) <= 3:
		return fmt.Sprintf("objects %05d are", numbers)
	}
	return fmt.Sprintf("objects %05d and %d more are", numbers[:3], len(numbers)-3)
}
