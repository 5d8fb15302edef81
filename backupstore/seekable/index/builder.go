package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/cache/private"
)

// Builder extends an index while the object is decoded. It is a
// stream.Observer for a decoder that was resumed at Resume, or started at the
// object's start if there is no such checkpoint. It is used by one goroutine at
// a time and ends with Close. Once its index was dropped, it does nothing.
type Builder struct {
	x   *Index
	f   *os.File // the partial file, locked; nil when records stay in memory
	end int64    // where in f the next record goes
	buf []byte
}

var _ stream.Observer = (*Builder)(nil)

// TryBuild starts to build, or goes on where the last Builder stopped. It
// returns false if the index is complete or is being built. If another process
// builds it, this one builds in memory.
func (x *Index) TryBuild() (*Builder, bool) {
	b := &Builder{x: x}
	x.mu.Lock()
	if x.complete || x.builder != nil {
		x.mu.Unlock()
		return nil, false
	}
	x.builder = b
	memory := x.memory
	x.mu.Unlock()

	x.store.retain(x)
	if memory || b.openFile() {
		return b, true
	}
	b.Close() // complete by now, or dropped
	return nil, false
}

// openFile locks and reads the partial file. It returns false if there is
// nothing to build any more.
func (b *Builder) openFile() bool {
	x := b.x
	name := x.name + partialSuffix
	f, err := x.store.lock(name)
	if err != nil {
		if !errors.Is(err, errLocked) {
			x.store.failed("create", name, err)
		}
		return b.toMemory()
	}
	// Another process may have finished it since it was looked for.
	if x.readFinal() {
		x.store.remove(name, true)
		f.Close()
		return false
	}
	var c contents
	var size int64
	if fi, err := f.Stat(); err == nil {
		size = fi.Size()
	}
	if size > 0 {
		if c, b.end, err = readPartial(f, size, x.key); err != nil {
			x.store.log.Info("unfinished seek index discarded", "object", x.key.Object,
				"reason", err)
			c, b.end = contents{}, 0
		}
	}
	err = nil
	if size != b.end {
		err = f.Truncate(b.end)
	}
	if err == nil && b.end == 0 {
		b.f = f
		err = b.write(x.key.header())
	}
	if err != nil {
		x.store.failed("write", name, err)
		b.f = nil
		x.store.remove(name, true)
		f.Close()
		return b.toMemory()
	}
	b.f = f

	x.mu.Lock()
	defer x.mu.Unlock()
	if x.builder != b {
		return false
	}
	x.reset(c)
	x.locked = true
	return true
}

// toMemory keeps records in memory from now on. It returns whether b is still
// the builder of its index.
func (b *Builder) toMemory() bool {
	x := b.x
	x.mu.Lock()
	mine := x.builder == b
	if mine {
		x.memory, x.locked = true, false
	}
	x.mu.Unlock()
	if b.f != nil {
		b.f.Close()
		b.f = nil
	}
	return mine
}

// Resume is the checkpoint at which decoding has to resume to go on building;
// false if it has to start at the start of the object.
func (b *Builder) Resume() (Entry, bool) { return b.x.Before(b.x.key.DecodedBytes) }

// Checkpoint records c. What does not come after the checkpoints so far, or
// does not fit the object, is ignored.
func (b *Builder) Checkpoint(c stream.Checkpoint) {
	x := b.x
	x.mu.Lock()
	ok := x.builder == b && x.key.holds(c.In, c.Out) && x.c.follows(c.In, c.Out) &&
		x.c.wants(c.Out) &&
		len(c.State) <= MaxStateBytes
	b.buf = b.buf[:0]
	if ok && b.f != nil {
		for _, e := range x.c.zeros.list[x.c.zeros.unsaved:] {
			b.buf = appendZeros(b.buf, e)
		}
	}
	x.mu.Unlock()
	if !ok {
		return
	}
	zeros := len(b.buf)
	b.buf = x.store.codec.appendCheckpoint(b.buf, c)
	s := slot{out: c.Out, in: c.In}
	if b.f != nil {
		s.loc = locate(b.end+int64(zeros), len(b.buf)-zeros)
		if err := b.write(b.buf); err != nil {
			x.store.failed("write", x.name+partialSuffix, err)
			b.toMemory()
		}
	}
	stored := b.f != nil
	if !stored {
		rec := append([]byte(nil), b.buf[zeros:]...)
		s.rec = &rec
	}
	if cap(b.buf) > 1<<20 {
		b.buf = nil
	}

	x.mu.Lock()
	defer x.mu.Unlock()
	if x.builder != b {
		return
	}
	if stored {
		x.c.zeros.unsaved = len(x.c.zeros.list)
	} else if len(*s.rec) > memoryBytes/4 {
		return
	} else {
		x.inMemory += len(*s.rec)
	}
	x.c.add(s)
	for x.inMemory > memoryBytes && len(x.c.slots) > 1 {
		x.c.thin()
		x.inMemory = 0
		for _, s := range x.c.slots {
			if s.rec != nil {
				x.inMemory += len(*s.rec)
			}
		}
	}
}

// write appends p to the file, whole or not at all.
func (b *Builder) write(p []byte) error {
	if err := b.x.store.reserve(int64(len(p))); err != nil {
		return err
	}
	if b.end+int64(len(p)) >= maxFileSize {
		return fmt.Errorf("the index would be longer than %d bytes", int64(maxFileSize))
	}
	if _, err := b.f.WriteAt(p, b.end); err != nil {
		// A tail that stays is no harm, it is not read as a record.
		_ = b.f.Truncate(b.end)
		return err
	}
	b.end += int64(len(p))
	return nil
}

// Zeros records that the decoded bytes [off, off+n) are zero. Adjacent ones are
// joined; below 64 KiB they are not kept.
func (b *Builder) Zeros(off, n int64) {
	x := b.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.builder != b || off < 0 || n <= 0 || off > x.key.DecodedBytes ||
		n > x.key.DecodedBytes-off {
		return
	}
	x.c.zeros.add(off, off+n)
}

// Progress says that all before the decoded offset out was decoded and
// reported.
func (b *Builder) Progress(out int64) {
	x := b.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.builder == b {
		x.frontier = max(x.frontier, min(out, x.key.DecodedBytes))
	}
}

// Complete says that the object was decoded to its end. The index is stored for
// good, if it can be.
func (b *Builder) Complete() {
	x := b.x
	x.mu.RLock()
	mine := x.builder == b
	var c contents
	if mine && b.f != nil {
		c.slots, c.zeros.list = slices.Clone(x.c.slots), slices.Clone(x.c.zeros.list)
	}
	x.mu.RUnlock()
	if !mine {
		return
	}
	committed := false
	if b.f != nil {
		records := b.end
		if err := b.commit(appendEnd(nil, c, b.end, x.key.header())); err != nil {
			x.store.failed("finish", x.name+partialSuffix, err)
			_ = b.f.Truncate(records)
		} else {
			committed = true
		}
	}
	x.mu.Lock()
	mine = x.builder == b
	if mine {
		x.complete, x.stored, x.frontier = true, committed, x.key.DecodedBytes
		x.builder, x.locked = nil, false
	}
	x.mu.Unlock()
	if committed && !mine {
		x.store.remove(x.name, true) // dropped while it was renamed
	}
}

// commit writes the end of the file and gives it its final name.
func (b *Builder) commit(end []byte) error {
	if err := b.write(end); err != nil {
		return err
	}
	if err := b.f.Sync(); err != nil {
		return err
	}
	s, name := b.x.store, b.x.name
	if !s.names(b.f, name+partialSuffix) {
		return fs.ErrNotExist // dropped
	}
	if err := s.root.Rename(name+partialSuffix, name); err != nil {
		return err
	}
	// Should this fail, a power cut can cost the file, no more.
	_ = private.SyncDir(filepath.Join(s.root.Name(), path.Dir(name)), nil)
	return nil
}

// Close ends the build, also an unfinished one: that can be continued at its
// last checkpoint, by this process or another.
func (b *Builder) Close() {
	x := b.x
	if x == nil {
		return
	}
	x.mu.Lock()
	mine := x.builder == b
	empty := len(x.c.slots) == 0
	if mine {
		x.builder, x.locked = nil, false
		if !x.complete {
			x.frontier = x.c.frontier()
			x.c.zeros.clip(x.frontier)
		}
	}
	x.mu.Unlock()
	if b.f != nil {
		if mine && empty {
			x.store.remove(x.name+partialSuffix, true)
		}
		b.f.Close()
	}
	b.x, b.f = nil, nil
	x.store.release(x)
}
