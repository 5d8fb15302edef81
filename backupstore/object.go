package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/seekable/unzstd"
	"github.com/restorefs/restorefs/backupstore/share"
)

// liveObjects keeps recently read objects, shared by all volumes whose chains contain them.
type liveObjects struct {
	engine *seekable.Engine
	files  *openFiles

	mu  sync.Mutex
	lru *simplelru.LRU[string, *liveObject]
	// unused are objects to be closed after mu is released, because closing may write.
	unused []*liveObject
}

// liveObject is closed when it is both evicted and no longer in use.
type liveObject struct {
	*seekable.Object
	stamp   share.Stamp // of the file that its index comes from; guarded by liveObjects.mu
	users   int         // guarded by liveObjects.mu, too
	evicted bool
}

// maxLiveObjects bounds liveObjects: the index of a large one takes some 100
// KiB of memory.
const maxLiveObjects = 256

func newLiveObjects(e *seekable.Engine, files *openFiles) *liveObjects {
	l := &liveObjects{engine: e, files: files}
	l.lru, _ = simplelru.NewLRU(maxLiveObjects, func(_ string, o *liveObject) {
		o.evicted = true
		if o.users == 0 {
			l.unused = append(l.unused, o)
		}
	})
	return l
}

// get returns the object o of backup b; release gives it back.
func (l *liveObjects) get(ctx context.Context, b *Backup, o format.Object) (*liveObject, error) {
	path := b.objectFile(o.Number)
	if live := l.peek(path); live != nil {
		return live, nil
	}
	info, err := l.files.stat(ctx, path)
	if err != nil {
		return nil, err
	}
	made := &liveObject{Object: l.engine.NewObject(&storedFile{l.files, path, info}, algorithm(o.Compression), o.Length,
		seekable.Identity{Path: path, ModTime: info.modTime, MD5: o.MD5})}
	l.mu.Lock()
	live, ok := l.lru.Get(path)
	if !ok {
		live, made = made, nil
		l.lru.Add(path, live)
	} // otherwise another goroutine was quicker
	live.users++
	unused := l.takeUnused()
	l.mu.Unlock()
	if made != nil {
		unused = append(unused, made)
	}
	closeObjects(unused)
	return live, nil
}

// getOf is get for a file with the stamp st. The index and the decoders of a file with another
// stamp are dropped.
func (l *liveObjects) getOf(ctx context.Context, b *Backup, o format.Object, st share.Stamp) (*liveObject, error) {
	for {
		live, err := l.get(ctx, b, o)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		if live.stamp == (share.Stamp{}) {
			live.stamp = st
		}
		same := live.stamp == st
		l.mu.Unlock()
		if same {
			return live, nil
		}
		l.forget(b.objectFile(o.Number))
		l.release(live)
	}
}

// peek returns the object at path if it is live; release gives it back.
func (l *liveObjects) peek(path string) *liveObject {
	l.mu.Lock()
	defer l.mu.Unlock()
	live, ok := l.lru.Get(path)
	if ok {
		live.users++
	}
	return live
}

func (l *liveObjects) release(o *liveObject) {
	l.mu.Lock()
	o.users--
	unused := o.users == 0 && o.evicted
	l.mu.Unlock()
	if unused {
		o.Close()
	}
}

// forgetAll closes the objects that are not in use, and the others when they
// are no longer used.
func (l *liveObjects) forgetAll() {
	l.mu.Lock()
	l.lru.Purge()
	unused := l.takeUnused()
	l.mu.Unlock()
	closeObjects(unused)
}

// forget is forgetAll for the objects of one backup, whose files' names start
// with prefix.
func (l *liveObjects) forget(prefix string) {
	l.mu.Lock()
	for _, path := range l.lru.Keys() {
		if strings.HasPrefix(path, prefix) {
			l.lru.Remove(path)
		}
	}
	unused := l.takeUnused()
	l.mu.Unlock()
	closeObjects(unused)
}

func (l *liveObjects) takeUnused() []*liveObject {
	unused := l.unused
	l.unused = nil
	return unused
}

func closeObjects(objects []*liveObject) {
	for _, o := range objects {
		o.Close()
	}
}

func algorithm(c format.Compression) seekable.Algorithm {
	switch c {
	case format.Zlib:
		return seekable.Zlib
	case format.Bzip2:
		return seekable.Bzip2
	case format.Zstd:
		return seekable.Zstd
	default:
		return seekable.Raw
	}
}

// readObject fills p from offset off of object ref of v's chain. If the object was proven by its
// MD5, it makes sure after reading that the file is still the same.
func (v *Volume) readObject(ctx context.Context, ref int, p []byte, off int64) error {
	o := &v.objects[ref]
	for tries := 1; ; tries++ {
		was, proven := v.proofs.of(ref)
		live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
		if err == nil {
			err = live.ReadAt(ctx, p, off)
			v.catalog.live.release(live)
		}
		if proven && ctx.Err() == nil {
			now, stampErr := v.catalog.files.stamp(ctx, v.objectPath(ref))
			switch {
			case stampErr != nil:
				err = stampErr
			case now != was && tries < maxChanges:
				v.changed(ref, was)
				if err := v.prove(ctx, ref); err != nil {
					return err
				}
				continue
			case now != was:
				v.changed(ref, was)
				err = fmt.Errorf("%s %w", v.objectPath(ref), errChanged)
			}
		}
		if err == nil {
			return nil
		}
		return v.objectError(ctx, o, o.Offset+off, int64(len(p)), err)
	}
}

// objectError returns what an error of an object means for the volume. An error that may pass (the
// network, a timeout) is not damage.
func (v *Volume) objectError(ctx context.Context, o *objectRef, off, n int64, err error) error {
	if ctx.Err() != nil { // whatever else failed at the same moment
		return ctx.Err()
	}
	b := v.chain[o.layer]
	if short, ok := errors.AsType[*seekable.MemoryError](err); ok {
		return &MemoryError{Backup: b.ID, Object: b.objectFile(o.Number), Window: short.Window, Needs: short.Needs, Has: short.Has,
			Total: v.catalog.memoryFor(short.Needs)}
	}
	damage := &DamageError{Backup: b.ID, Object: b.objectFile(o.Number), Offset: off, Length: n, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		damage.Reason = "the object is missing"
	case errors.Is(err, share.ErrNotRegular):
		damage.Reason = "the object is not a regular file"
	case errors.Is(err, unzstd.ErrUnsupported):
		damage.Reason = "the object cannot be decoded"
	case errors.Is(err, io.ErrUnexpectedEOF):
		damage.Reason = fmt.Sprintf("the object ends before the %d bytes of its length in _metadata", o.Length)
	case errors.Is(err, stream.ErrCorrupt):
		damage.Reason = "the object cannot be decoded"
	default:
		return fmt.Errorf("backup %s: read object %s for byte %d of the volume: %w", b.ID, b.objectFile(o.Number), off, advised(err))
	}
	return damage
}
