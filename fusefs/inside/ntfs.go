package inside

import (
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/ntfs"
)

func openNTFS(r io.ReaderAt, size int64, opt Options) (FS, error) {
	f, err := ntfs.Open(r, size, ntfs.Options{CacheBytes: opt.CacheBytes})
	if err != nil {
		return nil, err // not a nil *ntfs.FS in an interface
	}
	return ntfsFS{f}, nil
}

// ntfsFS fits an [ntfs.FS] to [FS].
type ntfsFS struct{ *ntfs.FS }

func (f ntfsFS) Info() Info { return Info(f.FS.Info()) }

func (f ntfsFS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.FS.ReadDir(ino, func(d ntfs.Dirent) error { return fn(Dirent(d)) })
}

func (f ntfsFS) Stat(ino uint64) (Attr, error) {
	a, err := f.FS.Stat(ino)
	return Attr(a), err
}

func (f ntfsFS) Xattrs(ino uint64) ([]Xattr, error) {
	list, err := f.FS.Xattrs(ino)
	out := make([]Xattr, 0, len(list))
	for _, x := range list {
		out = append(out, Xattr(x))
	}
	return out, err
}

func (f ntfsFS) Open(ino uint64) (File, error) {
	file, err := f.FS.Open(ino)
	if err != nil {
		return nil, err // not a nil *ntfs.File in an interface
	}
	return file, nil
}
