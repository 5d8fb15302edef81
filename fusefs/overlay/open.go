package overlay

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/restorefs/restorefs/cache/private/lock"
)

const (
	mapSuffix  = ".map"
	dataSuffix = ".data"
)

func mapName(backup string) string  { return backup + mapSuffix }
func dataName(backup string) string { return backup + dataSuffix }

// Open opens the overlay of a volume in a directory, for this process alone. It
// fails with ErrInUse if another process has it open, and with ErrOther if it
// was made on something other than key. If there is no overlay the first write
// makes it; until then there is only an empty file, for the lock.
func Open(ctx context.Context, dir string, key Key, base Base, o Options) (*Overlay, error) {
	return open(ctx, dir, key, base, o, os.O_RDWR|os.O_CREATE, lock.Exclusive)
}

// OpenReadOnly opens an overlay for reading, which several processes can do at
// the same time. It fails with fs.ErrNotExist if nothing was ever written.
func OpenReadOnly(ctx context.Context, dir string, key Key, base Base,
	o Options) (*Overlay, error) {
	return open(ctx, dir, key, base, o, os.O_RDONLY, lock.Shared)
}

func open(ctx context.Context, dir string, key Key, base Base, o Options, flags int,
	m lock.Mode) (*Overlay, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	index, err := lockMap(ctx, filepath.Join(dir, mapName(key.Backup)), flags, m)
	if errors.Is(err, fs.ErrNotExist) {
		if err2 := lost(directory{dir, os.O_RDONLY}, key.Backup); err2 != nil {
			err = err2
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the overlay of backup %s in %s: %w", key.Backup, dir, err)
	}
	ov := newOverlay(directory{dir, flags &^ os.O_CREATE}, osFile{index}, key, base, o)
	ov.readOnly = m == lock.Shared
	err = ov.attach()
	if err == nil && ov.readOnly && !ov.exists {
		err = fs.ErrNotExist
	}
	if err != nil {
		index.Close()
		return nil, fmt.Errorf("open the overlay of backup %s in %s: %w", key.Backup, dir, err)
	}
	return ov, nil
}

// lockWait is how long to wait for a process that is ending: the kernel closes
// the last file of a mount only after close(2) has returned.
const lockWait = 2 * time.Second

// lockMap opens a map file and locks it.
func lockMap(ctx context.Context, path string, flags int, m lock.Mode) (f *os.File, err error) {
	err = lock.Again(ctx, lockWait, func() error {
		f, err = openLocked(path, flags, m)
		return err
	})
	if errors.Is(err, lock.ErrHeld) {
		err = fmt.Errorf("%w%s: unmount it, or wait", ErrInUse, lock.Holder(path))
	}
	return f, err
}

// openLocked is one try of lockMap. A process that deletes the file holds the lock, so the name is
// looked up again after locking; if it is another file's by now, that process counts as the holder.
func openLocked(path string, flags int, m lock.Mode) (*os.File, error) {
	f, err := openRegular(path, flags)
	if err != nil {
		return nil, err
	}
	if err = lock.Try(f, m); err == nil {
		ours, err1 := f.Stat()
		there, err2 := os.Lstat(path)
		if err1 == nil && err2 == nil && os.SameFile(ours, there) {
			return f, nil
		}
		err = cmp.Or(err1, err2, lock.ErrHeld)
	}
	f.Close()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, lock.ErrHeld
	case errors.Is(err, lock.ErrHeld):
		return nil, err
	}
	return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
}

// attach reads the header, if there is one, and opens the data file.
func (o *Overlay) attach() error {
	h, err := readHeader(o.index)
	if err != nil {
		return err
	}
	if h == nil {
		return lost(o.dir, o.key.Backup)
	}
	switch {
	case h.key.Backup != o.key.Backup:
		return fmt.Errorf("%w: it was made on backup %s", ErrOther, h.key.Backup)
	case h.key.Size != o.key.Size:
		return fmt.Errorf("%w: it was made on a volume of %d bytes, this one has %d", ErrOther,
			h.key.Size, o.key.Size)
	case h.key.Content != o.key.Content:
		return fmt.Errorf("%w: when it was made, %s, the backup of this id had other contents; "+
			"use another directory, or discard it",
			ErrOther, h.created.Format(time.DateTime))
	}
	data, err := openData(o.dir, h)
	if err != nil {
		return err
	}
	if !o.readOnly {
		if err := mend(data, h); err != nil {
			data.Close()
			return err
		}
	}
	o.header, o.data, o.exists = h, data, true
	return nil
}

// lay turns the files into a new overlay. The header is written after
// everything it promises, and the end of the seal after the header.
func (o *Overlay) lay(h *header, data file) error {
	for _, step := range []func() error{
		func() error { return o.index.Truncate(0) },
		func() error { return data.Truncate(0) }, // a crash may have left something
		func() error { return data.Truncate(o.key.dataBytes()) },
		data.Sync, // the seal is looked for at the end
		func() error { return writeSeal(data, h, 0) },
		data.Sync,
		o.dir.sync,
		func() error { return o.index.Truncate(o.key.mapBytes()) },
		o.index.Sync, // a map with a header that is shorter was cut
		func() error { _, err := o.index.WriteAt(h.encode(), 0); return err },
		func() error { _, err := o.index.WriteAt(h.encode(), slotBytes); return err },
		o.index.Sync,
		// synced with the data, before the map first has a bit
		func() error { return writeSeal(data, h, 1) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// create makes the files, before the first write.
func (o *Overlay) create(ctx context.Context) error {
	if o.readOnly {
		return syscall.EROFS
	}
	if o.has() {
		return nil
	}
	if err := o.take(ctx); err != nil {
		return err
	}
	defer o.give()
	if o.has() {
		return nil
	}
	h := &header{key: o.key, created: time.Now()}
	rand.Read(h.nonce[:])
	data, err := o.dir.create(dataName(o.key.Backup))
	if err != nil {
		return err
	}
	if err := o.lay(h, data); err != nil {
		data.Close()
		// Free the space, which others may need.
		return errors.Join(err, o.index.Truncate(0), o.dir.remove(dataName(o.key.Backup)))
	}
	o.header, o.data = h, data
	o.mu.Lock()
	o.exists = true
	o.mu.Unlock()
	return nil
}
