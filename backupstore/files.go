package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/restorefs/restorefs/backupstore/share"
)

// maxOpenFiles bounds the object files that are kept open: an open costs a
// round trip on NFS, a backup can have 100,000 objects.
const maxOpenFiles = 256

// openFiles keeps recently used files of the share open.
type openFiles struct {
	share  share.Share
	errors atomic.Uint64 // files that could not be opened or read
	open   *sharedLRU[share.File]
}

func newOpenFiles(s share.Share, n int) *openFiles {
	return &openFiles{share: s, open: newSharedLRU[share.File](n)}
}

// acquire returns the open file at path; release gives it back.
func (o *openFiles) acquire(ctx context.Context, path string) (*shared[share.File], error) {
	if f := o.open.acquire(path); f != nil {
		return f, nil
	}
	answered := asking(ctx)
	opened, err := o.share.Open(ctx, path)
	answered()
	if err != nil {
		o.note(ctx, err)
		return nil, err
	}
	return o.open.add(path, opened), nil
}

func (o *openFiles) release(f *shared[share.File]) { o.open.release(f) }

// note counts errors of the share.
func (o *openFiles) note(ctx context.Context, err error) {
	if err != nil && err != io.EOF && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
		o.errors.Add(1)
	}
}

// storedFile is one file of the share, opened when it is read. It implements stream.Source and
// format.Source.
type storedFile struct {
	files *openFiles
	path  string
	fileInfo
}

// errChanged reports that a file was replaced since the backup was opened.
var errChanged = fmt.Errorf("changed since the backup was opened (nobody but Cinder may write on "+
	"the share): %w", fs.ErrInvalid)

// Size implements stream.Source.
func (s *storedFile) Size() int64 { return s.size }

// ReadAt implements stream.Source.
func (s *storedFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := s.readAt(ctx, p, off)
	if errors.Is(err, share.ErrStale) {
		// The server forgot the handle, in a failover or a restart; the file may still exist.
		s.files.forget(s.path)
		n, err = s.readAt(ctx, p, off)
	}
	return n, err
}

func (s *storedFile) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	f, err := s.files.acquire(ctx, s.path)
	if err != nil {
		return 0, err
	}
	defer s.files.release(f)
	if !s.is(fileInfo{f.value.Size(), f.value.ModTime()}) {
		// Not for the next one to find: it may look again and know the new file.
		s.files.forget(s.path)
		return 0, fmt.Errorf("%s %w", s.path, errChanged)
	}
	answered := asking(ctx)
	n, err := f.value.ReadAt(ctx, p, off)
	answered()
	s.files.note(ctx, err)
	return n, err
}

// forget has the file opened again when it is next used.
func (o *openFiles) forget(path string) { o.open.forget(path) }

// forgetBackup is forget for the files of one backup, whose names start with prefix.
func (o *openFiles) forgetBackup(prefix string) { o.open.forgetPrefix(prefix) }

// forgetAll closes the files that are not in use, and the others when they are no longer used. They
// are opened again when they are needed.
func (o *openFiles) forgetAll() { o.open.forgetAll() }

// stat checks that the file exists, and returns its fileInfo.
func (o *openFiles) stat(ctx context.Context, path string) (fileInfo, error) {
	f, err := o.acquire(ctx, path)
	if err != nil {
		return fileInfo{}, err
	}
	defer o.release(f)
	return fileInfo{f.value.Size(), f.value.ModTime()}, nil
}

// stamp returns the present stamp of the file at path.
func (o *openFiles) stamp(ctx context.Context, path string) (share.Stamp, error) {
	st, err := o.askStamp(ctx, path)
	if errors.Is(err, share.ErrStale) {
		o.forget(path)
		st, err = o.askStamp(ctx, path)
	}
	return st, err
}

func (o *openFiles) askStamp(ctx context.Context, path string) (share.Stamp, error) {
	f, err := o.acquire(ctx, path)
	if err != nil {
		return share.Stamp{}, err
	}
	defer o.release(f)
	answered := asking(ctx)
	st, err := f.value.Stamp(ctx)
	answered()
	o.note(ctx, err)
	return st, err
}
