package inside

import (
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/btrfs"
)

func openBtrfs(r io.ReaderAt, size int64, opt Options) (FS, error) {
	f, err := btrfs.Open(r, size, btrfs.Options{CacheBytes: opt.CacheBytes})
	if err != nil {
		return nil, err // not a nil *btrfs.FS in an interface
	}
	return btrfsFS{f}, nil
}

// btrfsFS fits an [btrfs.FS] to [FS].
type btrfsFS struct{ *btrfs.FS }

func (f btrfsFS) Info() Info { return Info(f.FS.Info()) }

func (f btrfsFS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.FS.ReadDir(ino, func(d btrfs.Dirent) error { return fn(Dirent(d)) })
}

func (f btrfsFS) Stat(ino uint64) (Attr, error) {
	a, err := f.FS.Stat(ino)
	return Attr(a), err
}

func (f btrfsFS) Xattrs(ino uint64) ([]Xattr, error) {
	list, err := f.FS.Xattrs(ino)
	out := make([]Xattr, 0, len(list))
	for _, x := range list {
		out = append(out, Xattr(x))
	}
	return out, err
}

func (f btrfsFS) Open(ino uint64) (File, error) {
	file, err := f.FS.Open(ino)
	if err != nil {
		return nil, err // not a nil *btrfs.File in an interface
	}
	return file, nil
}
