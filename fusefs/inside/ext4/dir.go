package ext4

import (
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

// Dirent is an entry of a directory.
type Dirent struct {
	Name string // its bytes; not necessarily UTF-8
	Ino  uint64
	Type uint8 // DT_* of Linux; DT_UNKNOWN (0) if neither the directory nor the inode says
}

// ReadDir calls fn for each entry of a directory, in the order of the disk,
// without "." and "..". An error of fn ends it and is returned. What can be
// read of a damaged directory is given to fn before the error is returned.
func (f *FS) ReadDir(ino uint64, fn func(Dirent) error) error {
	in, err := f.directory(ino)
	if err != nil {
		return err
	}
	names := f.fast.names(ino)
	err = f.eachEntry(in, func(name []byte, at uint32, kind uint8) error {
		d := Dirent{Name: string(name), Ino: uint64(at), Type: kind}
		if changes, ok := names.changes[d.Name]; ok {
			names.see(d.Name)
			if now := changes.apply(at); now == 0 {
				return nil
			} else if now != at {
				d.Ino, d.Type = uint64(now), typeUnknown
			}
		}
		return fn(f.withType(d))
	})
	if err != nil {
		return err
	}
	return names.unseen(func(name string, at uint32) error {
		return fn(f.withType(Dirent{Name: name, Ino: uint64(at)}))
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
	if changes, ok := f.fast.names(dir).changes[name]; ok {
		at = changes.apply(at)
	}
	if at == 0 {
		return 0, fmt.Errorf("look up %q in inode %d: %w", name, dir, fs.ErrNotExist)
	}
	return uint64(at), nil
}

// lookup returns the inode that the directory on the disk has for a name; 0: none.
func (f *FS) lookup(in *inode, name string) (uint32, error) {
	if len(name) == 0 || len(name) > 255 || name == "." || name == ".." {
		return 0, nil
	}
	if in.flags&flagIndex != 0 && f.sb.compat&compatDirIndex != 0 && !in.madeByFastCommit() &&
		in.flags&(flagInline|flagCasefold) == 0 {
		// An index that is damaged is no reason not to find a name.
		if at, sure, err := f.lookupHash(in, name); err == nil && (at != 0 || sure) {
			return at, nil
		}
	}
	var found uint32
	err := f.eachEntry(in, func(b []byte, at uint32, _ uint8) error {
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

var errFound = fmt.Errorf("found")

// directory returns the inode of a directory that can be read.
func (f *FS) directory(ino uint64) (*inode, error) {
	in, err := f.visible(ino)
	if err != nil {
		return nil, err
	}
	if !in.isDir() {
		return nil, fmt.Errorf("read directory of inode %d: it is no directory", ino)
	}
	if in.flags&flagEncrypt != 0 {
		return nil, fmt.Errorf("read directory of inode %d: %w: its names are encrypted", ino,
			ErrUnsupported)
	}
	return in, nil
}

// eachEntry calls fn for each entry of the directory as it is on the disk.
func (f *FS) eachEntry(in *inode, fn func(name []byte, ino uint32, kind uint8) error) error {
	if in.madeByFastCommit() {
		return nil // all of its names are in the fast commits
	}
	if in.flags&flagInline != 0 {
		return f.eachInline(in, fn)
	}
	var failed error
	var seen uint64
	end := uint64(in.size) >> f.sb.logBlock
	var at cursor
	for block := uint64(0); block < end; {
		r, err := f.runAt(in, block, &at)
		if err != nil {
			return fmt.Errorf("read directory of inode %d: %w", in.ino, err)
		}
		r.to = min(r.to, end)
		if seen += r.to - r.from; seen > f.there() {
			return corrupt(in.String(), "its directory would be larger than the disk")
		}
		for ; r.data && block < r.to; block++ {
			err := f.eachInBlock(in, r.disk+block-r.from, block, fn)
			if _, mine := err.(*entryError); mine {
				return err.(*entryError).err
			} else if err != nil && failed == nil {
				failed = fmt.Errorf("read directory of inode %d: %w", in.ino, err)
			}
		}
		block = r.to
	}
	return failed
}

// entryError is an error of the function that is given the entries.
type entryError struct{ err error }

func (e *entryError) Error() string { return e.err.Error() }
