package backupstore

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/seekable/unzstd"
	"github.com/restorefs/restorefs/backupstore/share"
)

// objectRef is what a volume keeps of each of its objects: there can be a
// million.
type objectRef struct {
	format.Object
	layer int32 // index into Volume.chain
}

// liveObjects keeps the objects that were read lately, shared by all volumes
// whose chains contain them.
type liveObjects struct {
	engine *seekable.Engine
	files  *openFiles

	mu  sync.Mutex
	lru *simplelru.LRU[string, *liveObject]
	// unused are objects to be closed once mu is released: that may write.
	unused []*liveObject
}

// liveObject is closed when it is both evicted and no longer in use.
type liveObject struct {
	*seekable.Object
	file    fileInfo
	users   int // guarded by liveObjects.mu
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

// get returns the object that o of backup b stands for; release gives it back.
func (l *liveObjects) get(ctx context.Context, b *Backup, o format.Object) (*liveObject, error) {
	path := b.objectFile(o.Number)
	if live := l.peek(path); live != nil {
		return live, nil
	}
	info, err := l.files.stat(ctx, path)
	if err != nil {
		return nil, err
	}
	made := &liveObject{file: info, Object: l.engine.NewObject(&storedFile{l.files, path, info}, algorithm(o.Compression), o.Length,
		seekable.Identity{Path: path, ModTime: info.modTime, MD5: o.MD5})}
	l.mu.Lock()
	live, ok := l.lru.Get(path)
	if !ok {
		live, made = made, nil
		l.lru.Add(path, live)
	} // else somebody was quicker
	live.users++
	unused := l.takeUnused()
	l.mu.Unlock()
	if made != nil {
		unused = append(unused, made)
	}
	closeObjects(unused)
	return live, nil
}

// peek returns the object at path if it is live, for release to be given back.
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

// forgetAll closes the objects that nobody uses, and the others when they are no
// longer used.
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

// objectPath is where object ref of v's chain is on the share.
func (v *Volume) objectPath(ref int) string {
	o := &v.objects[ref]
	return v.chain[o.layer].objectFile(o.Number)
}

// readObject fills p from offset off of object ref of v's chain.
func (v *Volume) readObject(ctx context.Context, ref int, p []byte, off int64) error {
	o := &v.objects[ref]
	live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
	if err == nil {
		if err = v.proofs.stillOf(ref, live.file); err == nil {
			err = live.ReadAt(ctx, p, off)
		}
		v.catalog.live.release(live)
	}
	if err == nil {
		return nil
	}
	return v.objectError(ctx, o, o.Offset+off, int64(len(p)), err)
}

// objectError says what an error of an object means for the volume. Trouble
// that may pass (the network, a timeout) is not damage.
func (v *Volume) objectError(ctx context.Context, o *objectRef, off, n int64, err error) error {
	if ctx.Err() != nil { // whatever else went wrong in the same moment
		return ctx.Err()
	}
	b := v.chain[o.layer]
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
		return fmt.Errorf("backup %s: read object %s for byte %d of the volume: %w", b.ID, b.objectFile(o.Number), off, err)
	}
	return damage
}

// proveUncovered proves the objects that blocks of [off, off+n) without a digest
// come from, before anything of them is read: an index that was kept on disk may
// be wrong, and no digest would notice. What is damaged is for verify to say.
func (v *Volume) proveUncovered(ctx context.Context, off, n int64) error {
	block := int64(v.Align())
	for end := off + n; off < end; off += block {
		covered, _, err := v.row(ctx, off)
		if err != nil {
			return err
		}
		stop := min(off+block, end)
		for _, e := range from(v.extents, off+covered) {
			if e.off >= stop || off+covered >= stop {
				break
			}
			if err := v.prove(ctx, e.object); err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
		}
	}
	return nil
}

// prove checks a whole object against its MD5, once: what no digest row covers
// is used only after that. Others that need the same object wait.
func (v *Volume) prove(ctx context.Context, ref int) error {
	for {
		v.proofs.mu.Lock()
		if _, done := v.proofs.done[ref]; done {
			v.proofs.mu.Unlock()
			return nil
		}
		if damage := v.proofs.failed[ref]; damage != nil {
			v.proofs.mu.Unlock()
			return damage
		}
		running := v.proofs.running[ref]
		if running == nil {
			running = make(chan struct{})
			v.proofs.running[ref] = running
			v.proofs.mu.Unlock()
			file, err := v.checkMD5(ctx, ref)
			v.proofs.mu.Lock()
			delete(v.proofs.running, ref)
			if err == nil {
				v.proofs.done[ref] = file
			} else if errors.Is(err, ErrDamaged) {
				v.proofs.failed[ref] = err
			}
			v.proofs.mu.Unlock()
			close(running)
			return err
		}
		v.proofs.mu.Unlock()
		select {
		case <-running: // if it failed, the next one takes its turn
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// proofs is which objects of a volume have been checked against their MD5.
type proofs struct {
	mu      sync.Mutex
	done    map[int]fileInfo // what was compared
	failed  map[int]error    // DamageErrors
	running map[int]chan struct{}
}

// stillOf fails where the MD5 was that of another file than the object's file is
// now: no digest would notice. The next read compares anew.
func (p *proofs) stillOf(ref int, file fileInfo) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if was, done := p.done[ref]; !done || was.is(file) {
		return nil
	}
	delete(p.done, ref)
	return errChanged
}

// checkMD5 returns the file that has the MD5.
func (v *Volume) checkMD5(ctx context.Context, ref int) (fileInfo, error) {
	o := &v.objects[ref]
	start := time.Now()
	live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
	if err != nil {
		return fileInfo{}, v.objectError(ctx, o, o.Offset, o.Length, err)
	}
	defer v.catalog.live.release(live)
	live.Renew() // reads that no digest checks need an index made by this process
	hash := md5.New()
	if err := live.Check(ctx, func(p []byte) { hash.Write(p) }); err != nil {
		return fileInfo{}, v.objectError(ctx, o, o.Offset, o.Length, err)
	}
	b := v.chain[o.layer]
	if [16]byte(hash.Sum(nil)) != o.MD5 {
		v.catalog.count.unverified.Add(1)
		return fileInfo{}, &DamageError{Backup: b.ID, Object: b.objectFile(o.Number), Offset: o.Offset, Length: o.Length,
			Reason: "the object does not have the MD5 that _metadata gives"}
	}
	v.catalog.log.Debug("object checked against its MD5", "backup", b.ID, "object", b.objectFile(o.Number), "took", time.Since(start))
	return live.file, nil
}
