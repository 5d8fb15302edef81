package ext4

import (
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

type (
	view   = guest.View
	piece  = guest.Piece
	writer = guest.Writer
)

func must(t testing.TB, err error) { t.Helper(); guest.Must(t, err) }

func ignore(err error) { guest.Ignore(err) }

func write(t testing.TB, path string, data []byte) { t.Helper(); guest.Write(t, path, data) }

// mounted mounts an image with the kernel, calls fn with where, and unmounts it.
func mounted(t testing.TB, image, options string, fn func(root string)) {
	t.Helper()
	guest.Mounted(t, image, "ext4", options, fn)
}

// reader makes a file system comparable.
func reader(f *FS) *guest.FS {
	return &guest.FS{
		Root: f.Root, Readlink: f.Readlink, Lookup: f.Lookup,
		Stat: func(ino uint64) (guest.Attr, error) {
			a, err := f.Stat(ino)
			return guest.Attr(a), err
		},
		ReadDir: func(dir uint64, fn func(guest.Dirent) error) error {
			return f.ReadDir(dir, func(d Dirent) error { return fn(guest.Dirent(d)) })
		},
		Xattrs: func(ino uint64) (list []guest.Xattr, err error) {
			own, err := f.Xattrs(ino)
			for _, x := range own {
				list = append(list, guest.Xattr(x))
			}
			return list, err
		},
		Open: func(ino uint64) (guest.File, error) { return f.Open(ino) },
	}
}

// ownView is what this package shows, with the error instead of what cannot be read.
func ownView(f *FS) view { return guest.OwnView(reader(f)) }
