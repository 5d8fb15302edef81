package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/restorefs/restorefs/backupstore/share"
)

// maxOpenFiles bounds the object files that are kept open: an open costs a
// round trip on NFS, a backup can have 100,000 objects.
const maxOpenFiles = 256

// openFiles keeps recently used files of the share open.
type openFiles struct {
	share  share.Share
	errors atomic.Uint64 // files that could not be opened or read

	mu  sync.Mutex
	lru *simplelru.LRU[string, *openFile]
}

// openFile is closed when it is both evicted and no longer in use.
type openFile struct {
	share.File
	users   int // guarded by openFiles.mu
	evicted bool
}

func newOpenFiles(s share.Share, n int) *openFiles {
	o := &openFiles{share: s}
	// The callback runs inside Add, Remove and Purge, with mu held; Close does not
	// wait.
	o.lru, _ = simplelru.NewLRU(n, func(_ string, f *openFile) {
		f.evicted = true
		if f.users == 0 {
			f.Close()
		}
	})
	return o
}

// acquire returns the open file at path; release gives it back.
func (o *openFiles) acquire(ctx context.Context, path string) (*openFile, error) {
	o.mu.Lock()
	f, ok := o.lru.Get(path)
	if ok {
		f.users++
	}
	o.mu.Unlock()
	if ok {
		return f, nil
	}
	opened, err := o.share.Open(ctx, path)
	if err != nil {
		o.note(ctx, err)
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, ok = o.lru.Get(path); ok { // another goroutine was quicker
		opened.Close()
	} else {
		f = &openFile{File: opened}
		o.lru.Add(path, f)
	}
	f.users++
	return f, nil
}

// note counts errors of the share.
func (o *openFiles) note(ctx context.Context, err error) {
	if err != nil && err != io.EOF && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
		o.errors.Add(1)
	}
}

func (o *openFiles) release(f *openFile) {
	o.mu.Lock()
	f.users--
	unused := f.users == 0 && f.evicted
	o.mu.Unlock()
	if unused {
		f.Close()
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
var errChanged = fmt.Errorf("changed since the backup was opened (nobody but Cinder may write on the share): %w", fs.ErrInvalid)

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
	if !s.is(fileInfo{f.Size(), f.ModTime()}) {
		// Not for the next one to find: it may look again and know the new file.
		s.files.forget(s.path)
		return 0, fmt.Errorf("%s %w", s.path, errChanged)
	}
	n, err := f.ReadAt(ctx, p, off)
	s.files.note(ctx, err)
	return n, err
}

// forget has the file opened again when it is next used.
func (o *openFiles) forget(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lru.Remove(path)
}

// forgetBackup is forgetAll for the files of one backup, whose names start with
// prefix.
func (o *openFiles) forgetBackup(prefix string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, path := range o.lru.Keys() {
		if strings.HasPrefix(path, prefix) {
			o.lru.Remove(path)
		}
	}
}

// forgetAll closes the files that are not in use, and the others when they are no longer used. They
// are opened again when they are needed.
func (o *openFiles) forgetAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lru.Purge()
}

// stat checks that the file exists, and returns its fileInfo.
func (o *openFiles) stat(ctx context.Context, path string) (fileInfo, error) {
	f, err := o.acquire(ctx, path)
	if err != nil {
		return fileInfo{}, err
	}
	defer o.release(f)
	return fileInfo{f.Size(), f.ModTime()}, nil
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
	st, err := f.Stamp(ctx)
	o.note(ctx, err)
	return st, err
}
