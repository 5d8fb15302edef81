package inside

import (
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/vfat"
)

func openVFAT(r io.ReaderAt, size int64, opt Options) (FS, error) {
	f, err := vfat.Open(r, size, vfat.Options{CacheBytes: opt.CacheBytes})
	if err != nil {
		return nil, err // not a nil *vfat.FS in an interface
	}
	return vfatFS{f}, nil
}

// vfatFS fits a [vfat.FS] to [FS].
type vfatFS struct{ *vfat.FS }

func (f vfatFS) Info() Info { return Info(f.FS.Info()) }

func (f vfatFS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.FS.ReadDir(ino, func(d vfat.Dirent) error { return fn(Dirent(d)) })
}

func (f vfatFS) Stat(ino uint64) (Attr, error) {
	a, err := f.FS.Stat(ino)
	return Attr(a), err
}

func (f vfatFS) Xattrs(ino uint64) ([]Xattr, error) {
	_, err := f.FS.Xattrs(ino)
	return nil, err
}

func (f vfatFS) Open(ino uint64) (File, error) {
	file, err := f.FS.Open(ino)
	if err != nil {
		return nil, err // not a nil *vfat.File in an interface
	}
	return file, nil
}
