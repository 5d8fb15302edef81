package xfs

import (
	"errors"
	"fmt"
	"io/fs"
)

// Types of a [Dirent], as getdents of Linux has them.
const (
	typeUnknown = 0
	dtFIFO      = 1
	dtChar      = 2
	dtDir       = 4
	dtBlock     = 6
	dtRegular   = 8
	dtLink      = 10
	dtSocket    = 12
)

// typesOnDisk turns the type in a directory into that of a Dirent.
var typesOnDisk = [8]uint8{typeUnknown, dtRegular, dtDir, dtChar, dtBlock, dtFIFO, dtSocket, dtLink}

// A directory has three spaces: names, hashes of them, and where there is room.
const (
	spaceShift = 35                      // log2 of the bytes of a space
	dataEnd    = uint64(1) << spaceShift // where the names end and the hashes begin
	freeBegin  = uint64(2) << spaceShift // where the hashes end
)

// Dirent is an entry of a directory.
type Dirent struct {
	Name string // its bytes; not necessarily UTF-8
	Ino  uint64
	Type uint8 // DT_* of Linux; DT_UNKNOWN (0) if neither the directory nor the inode says
}

// eachName is called for each entry of a directory, but "." and "..".
type eachName func(name []byte, ino uint64, kind uint8) error

// ReadDir calls fn for each entry of a directory, in the order of the disk,
// without "." and "..". An error of fn ends it and is returned. What can be
// read of a damaged directory is given to fn before the error is returned.
func (f *FS) ReadDir(ino uint64, fn func(Dirent) error) error {
	in, err := f.directory(ino)
	if err != nil {
		return err
	}
	return f.eachEntry(in, func(name []byte, at uint64, kind uint8) error {
		return fn(f.withType(Dirent{Name: string(name), Ino: at, Type: kind}))
	})
}

// withType asks the inode for the type where the directory does not have it.
func (f *FS) withType(d Dirent) Dirent {
	if d.Type != typeUnknown {
		return d
	}
	if in, err := f.visible(d.Ino); err == nil {
		d.Type = uint8(in.mode >> 12)
	}
	return d
}

// Lookup returns the inode of a name in a directory. The error is
// fs.ErrNotExist (errors.Is) if there is none. In a directory that ignores case
// the name must be as it is stored.
func (f *FS) Lookup(dir uint64, name string) (uint64, error) {
	in, err := f.directory(dir)
	if err != nil {
		return 0, err
	}
	at, err := f.lookup(in, name)
	if err != nil {
		return 0, fmt.Errorf("look up a name in inode %d: %w", dir, err)
	}
	if at == 0 {
		return 0, fmt.Errorf("look up %q in inode %d: %w", name, dir, fs.ErrNotExist)
	}
	return at, nil
}

// lookup returns the inode of a name; 0: none.
func (f *FS) lookup(in *inode, name string) (found uint64, err error) {
	if len(name) == 0 || len(name) > 255 || name == "." || name == ".." {
		return 0, nil
	}
	if in.data.form != formLocal && !f.sb.ignoresCase() {
		// Hashes that are damaged are no reason not to find a name.
		if at, err := f.lookupHash(in, name); err == nil {
			return at, nil
		}
	}
	err = f.eachEntry(in, func(b []byte, at uint64, _ uint8) error {
		if string(b) == name {
			found = at
			return errFound
		}
		return nil
	})
	if err == errFound {
		err = nil
	}
	return found, err
}

var errFound = errors.New("found")

// directory returns the inode of a directory.
func (f *FS) directory(ino uint64) (*inode, error) {
	in, err := f.visible(ino)
	if err != nil {
		return nil, err
	}
	if !in.isDir() {
		return nil, fmt.Errorf("read directory of inode %d: it is no directory", ino)
	}
	return in, nil
}

// eachEntry calls fn for each entry of a directory.
func (f *FS) eachEntry(in *inode, fn eachName) error {
	if in.data.form == formLocal {
		return f.eachShort(in, fn)
	}
	var failed error
	var seen uint64
	var at cursor
	one := uint64(1) << f.sb.logDirBlock
	end := min(uint64(in.size), dataEnd) >> f.sb.logBlock
	for block := uint64(0); block < end; {
		r, err := f.runAt(in, &in.data, block, &at)
		if err != nil {
			return fmt.Errorf("read directory of inode %d: %w", in.ino, err)
		}
		if !r.data {
			block = (r.to + one - 1) &^ (one - 1) // names may begin at a multiple only
			continue
		}
		if seen += one; seen > f.there()+one {
			return corrupt(in.String(), "its directory would be larger than the disk")
		}
		err = f.eachInBlock(in, block, &at, fn)
		if mine, ok := err.(*entryError); ok {
			return mine.err
		} else if err != nil && failed == nil {
			failed = fmt.Errorf("read directory of inode %d: %w", in.ino, err)
		}
		block += one
	}
	return failed
}

// entryError is an error of the function that is given the entries.
type entryError struct{ err error }

func (e *entryError) Error() string { return e.err.Error() }

// dirBlock reads a block of a directory: one or more blocks of the file system,
// which need not follow each other. It returns the first of them as well.
func (f *FS) dirBlock(in *inode, block uint64, c *cursor) (*cached, uint64, error) {
	count := uint64(1) << f.sb.logDirBlock
	r, err := f.runAt(in, &in.data, block, c)
	if err != nil {
		return nil, 0, err
	}
	if !r.data {
		return nil, 0, corrupt(in.String(), "block %d of its directory is a hole", block)
	}
	if r.to-r.from >= count {
		b, err := f.blocks(r.disk, int(count))
		return b, r.disk, err
	}
	b := &cached{data: make([]byte, 0, f.sb.dirBlockBytes())}
	first := r.disk
	for at := block; ; {
		n := len(b.data)
		b.data = b.data[:n+int(min(r.to, block+count)-at)<<f.sb.logBlock]
		if err := f.readBlocks(b.data[n:], r.disk, 0); err != nil {
			return nil, 0, err
		}
		b.replaced = b.replaced || f.replaced(r.disk, len(b.data)-n)
		if at = r.to; at >= block+count {
			return b, first, nil
		}
		if r, err = f.runAt(in, &in.data, at, c); err != nil {
			return nil, 0, err
		}
		if !r.data {
			return nil, 0, corrupt(in.String(), "block %d of its directory is a hole", at)
		}
	}
}
