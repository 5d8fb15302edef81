package share

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// ReadDir implements Share.
func (d *Dir) ReadDir(ctx context.Context, dir string, want func(name string) bool) ([]Entry,
	Stamp, error) {
	l, err := with(ctx, d, func(r *root) (listing, error) { return r.readDir(ctx, dir, want) }, nil)
	return l.entries, l.own, err
}

// listing is what a directory was found to hold.
type listing struct {
	entries []Entry
	own     Stamp
}

func (r *root) readDir(ctx context.Context, dir string, want func(name string) bool) (l listing,
	err error) {
	buf, _ := r.records.Get().(*[recordBytes]byte)
	if buf == nil {
		buf = new([recordBytes]byte)
	}
	defer r.records.Put(buf)
	leadsOut := func(name string) bool { return r.leadsOut(path.Join(dir, name)) }
	err = r.inDir(dir, unix.O_RDONLY, func(fd int) (err error) {
		if l.own, err = r.stampOf(fd); err != nil {
			return err
		}
		l.entries, err = list(ctx, fd, buf[:], want, leadsOut)
		return err
	})
	if err != nil {
		return listing{}, err
	}
	return l, nil
}

// stamps are what Look finds.
type stamps struct {
	own Stamp
	of  []Stamp
}

// Look implements Share.
func (d *Dir) Look(ctx context.Context, dir string, files []string) (Stamp, []Stamp, error) {
	s, err := with(ctx, d, func(r *root) (stamps, error) { return r.lookIn(ctx, dir, files) }, nil)
	return s.own, s.of, err
}

func (r *root) lookIn(ctx context.Context, dir string, files []string) (s stamps, err error) {
	s.of = make([]Stamp, len(files))
	err = r.inDir(dir, unix.O_PATH, func(fd int) (err error) {
		if s.own, err = r.stampOf(fd); err != nil || s.own == (Stamp{}) {
			return err
		}
		for i, name := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			if e := statx(fd, name, r.remote); e.Err == nil && e.Mode.IsRegular() {
				s.of[i] = e.Stamp
			}
		}
		return nil
	})
	return s, err
}

// inDir calls f with a descriptor of a directory.
func (r *root) inDir(dir string, flags int, f func(fd int) error) error {
	err := r.briefly(dir, unix.O_DIRECTORY|flags, f)
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		err = &fs.PathError{Op: "read", Path: dir, Err: err}
	}
	return err
}

// stampOf returns the stamp of an open directory, zero where that would say nothing. Of an NFS
// mount the server tells it, not the kernel's memory: what comes or goes on other machines shows at
// once, and a listing that the kernel has kept is given up if it is of another stamp.
func (r *root) stampOf(fd int) (Stamp, error) {
	if !r.stamped {
		return Stamp{}, nil
	}
	e := statx(fd, "", r.remote)
	switch {
	case e.Err == unix.ENOSYS || e.Err == unix.EPERM: // an old kernel, or a container's rules
		return Stamp{}, nil
	case e.Err != nil:
		return Stamp{}, e.Err
	case e.Stamp.Device != r.id.dev: // something of another kind may be mounted there
		return Stamp{}, nil
	}
	return e.Stamp, nil
}
