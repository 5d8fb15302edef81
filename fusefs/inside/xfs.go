package inside

import (
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/xfs"
)

func openXFS(r io.ReaderAt, size int64, opt Options) (FS, error) {
	f, err := xfs.Open(
		r,
		size,
		xfs.Options{CacheBytes: opt.CacheBytes, JournalBytes: opt.JournalBytes},
	)
	if err != nil {
		return nil, err // not a nil *xfs.FS in an interface
	}
	return xfsFS{f}, nil
}

// xfsFS fits an [xfs.FS] to [FS].
type xfsFS struct{ *xfs.FS }

func (f xfsFS) Info() Info { return Info(f.FS.Info()) }

func (f xfsFS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.FS.ReadDir(ino, func(d xfs.Dirent) error { return fn(Dirent(d)) })
}

func (f xfsFS) Stat(ino uint64) (Attr, error) {
	a, err := f.FS.Stat(ino)
	return Attr(a), err
}

func (f xfsFS) Xattrs(ino uint64) ([]Xattr, error) {
	list, err := f.FS.Xattrs(ino)
	out := make([]Xattr, 0, len(list))
	for _, x := range list {
		out = append(out, Xattr(x))
	}
	return out, err
}

func (f xfsFS) Open(ino uint64) (File, error) {
	file, err := f.FS.Open(ino)
	if err != nil {
		return nil, err // not a nil *xfs.File in an interface
	}
	return file, nil
}
