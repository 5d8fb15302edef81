package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

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
	kept   *sharedLRU[*liveObject]
}

// liveObject is an object with the index and the decoders that it has by now.
type liveObject struct {
	*seekable.Object

	mu    sync.Mutex
	stamp share.Stamp // of the file that its index comes from; guarded by mu
}

// Close lets go of the index and the decoders.
func (o *liveObject) Close() error {
	o.Object.Close()
	return nil
}

// isOf reports whether the object is of the file with the stamp st, as it is if nobody said so far.
func (o *liveObject) isOf(st share.Stamp) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stamp == (share.Stamp{}) {
		o.stamp = st
	}
	return o.stamp == st
}

// maxLiveObjects bounds liveObjects: the index of a large one takes some 100
// KiB of memory.
const maxLiveObjects = 256

func newLiveObjects(e *seekable.Engine, files *openFiles) *liveObjects {
	return &liveObjects{engine: e, files: files, kept: newSharedLRU[*liveObject](maxLiveObjects)}
}

// get returns the object o of backup b; release gives it back.
func (l *liveObjects) get(ctx context.Context, b *Backup,
	o format.Object) (*shared[*liveObject], error) {
	path := b.objectFile(o.Number)
	if live := l.peek(path); live != nil {
		return live, nil
	}
	info, err := l.files.stat(ctx, path)
	if err != nil {
		return nil, err
	}
	made := &liveObject{Object: l.engine.NewObject(&storedFile{l.files, path, info},
		algorithm(o.Compression), o.Length,
		seekable.Identity{Path: path, ModTime: info.modTime, MD5: o.MD5})}
	return l.kept.add(path, made), nil
}

// getOf is get for a file with the stamp st. The index and the decoders of a file with another
// stamp are dropped.
func (l *liveObjects) getOf(ctx context.Context, b *Backup, o format.Object,
	st share.Stamp) (*shared[*liveObject], error) {
	for {
		live, err := l.get(ctx, b, o)
		if err != nil {
			return nil, err
		}
		if live.value.isOf(st) {
			return live, nil
		}
		l.forget(b.objectFile(o.Number))
		l.release(live)
	}
}

// peek returns the object at path if it is live; release gives it back.
func (l *liveObjects) peek(path string) *shared[*liveObject] { return l.kept.acquire(path) }

func (l *liveObjects) release(o *shared[*liveObject]) { l.kept.release(o) }

// forgetAll closes the objects that are not in use, and the others when they
// are no longer used.
func (l *liveObjects) forgetAll() { l.kept.forgetAll() }

// forget is forgetAll for the objects of one backup, whose files' names start
// with prefix.
func (l *liveObjects) forget(prefix string) { l.kept.forgetPrefix(prefix) }

// algorithms says how an object is read.
var algorithms = [...]seekable.Algorithm{
	format.None:  seekable.Raw,
	format.Zlib:  seekable.Zlib,
	format.Bzip2: seekable.Bzip2,
	format.Zstd:  seekable.Zstd,
}

func algorithm(c format.Compression) seekable.Algorithm { return algorithms[c] }

// readObject fills p from offset off of object ref of v's chain. If the object was proven by its
// MD5, it makes sure after reading that the file is still the same.
func (v *Volume) readObject(ctx context.Context, ref int, p []byte, off int64) error {
	o := &v.objects[ref]
	for tries := 1; ; tries++ {
		was, proven := v.proofs.of(ref)
		live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
		if err == nil {
			err = live.value.ReadAt(ctx, p, off)
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
		return &MemoryError{Backup: b.ID, Object: b.objectFile(o.Number), Window: short.Window,
			Needs: short.Needs, Has: short.Has,
			Total: v.catalog.memoryFor(short.Needs)}
	}
	damage := &DamageError{Backup: b.ID, Object: b.objectFile(o.Number), Offset: off,
		Length: n, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		damage.Reason = "the object is missing"
	case errors.Is(err, share.ErrNotRegular):
		damage.Reason = "the object is not a regular file"
	case errors.Is(err, unzstd.ErrUnsupported):
		damage.Reason = "the object cannot be decoded"
	case errors.Is(err, io.ErrUnexpectedEOF):
		damage.Reason = fmt.Sprintf(
			"the object ends before the %d bytes of its length in _metadata", o.Length)
	case errors.Is(err, stream.ErrCorrupt):
		damage.Reason = "the object cannot be decoded"
	default:
		return fmt.Errorf("backup %s: read object %s for byte %d of the volume: %w", b.ID,
			b.objectFile(o.Number), off, advised(err))
	}
	return damage
}
