package inside

import (
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/ext4"
)

func openExt4(r io.ReaderAt, size int64, opt Options) (FS, error) {
	f, err := ext4.Open(
		r,
		size,
		ext4.Options{CacheBytes: opt.CacheBytes, JournalBytes: opt.JournalBytes},
	)
	if err != nil {
		return nil, err // not a nil *ext4.FS in an interface
	}
	return ext4FS{f}, nil
}

// ext4FS fits an [ext4.FS] to [FS].
type ext4FS struct{ *ext4.FS }

func (f ext4FS) Info() Info { return Info(f.FS.Info()) }

func (f ext4FS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.FS.ReadDir(ino, func(d ext4.Dirent) error { return fn(Dirent(d)) })
}

func (f ext4FS) Stat(ino uint64) (Attr, error) {
	a, err := f.FS.Stat(ino)
	return Attr(a), err
}

func (f ext4FS) Xattrs(ino uint64) ([]Xattr, error) {
	list, err := f.FS.Xattrs(ino)
	out := make([]Xattr, 0, len(list))
	for _, x := range list {
		out = append(out, Xattr(x))
	}
	return out, err
}

func (f ext4FS) Open(ino uint64) (File, error) {
	file, err := f.FS.Open(ino)
	if err != nil {
		return nil, err // not a nil *ext4.File in an interface
	}
	return file, nil
}
