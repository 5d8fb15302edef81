package share

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"sync"
	"time"
)

type dirFile struct {
	f       *os.File
	remote  *Outage // nil: the file is on a local disk
	size    int64
	modTime time.Time
}

func (f *dirFile) Size() int64        { return f.size }
func (f *dirFile) ModTime() time.Time { return f.modTime }

// Stamp implements File.
func (f *dirFile) Stamp(ctx context.Context) (Stamp, error) {
	if err := ctx.Err(); err != nil {
		return Stamp{}, err
	}
	return interruptible(ctx, f.remote, func() (st Stamp, err error) {
		conn, err := f.f.SyscallConn()
		if err != nil {
			return st, err
		}
		ctlErr := conn.Control(func(fd uintptr) {
			e := statx(int(fd), "", f.remote != nil)
			st, err = e.Stamp, e.Err
		})
		if err = cmp.Or(ctlErr, err); err != nil {
			return Stamp{}, &fs.PathError{Op: "stat", Path: f.f.Name(), Err: err}
		}
		return st, nil
	}, nil)
}

// Close implements File. On NFS 4 and FUSE, close(2) sends a message and waits
// for the answer, which nothing here needs.
func (f *dirFile) Close() error {
	if f.remote == nil {
		return f.f.Close()
	}
	go f.f.Close()
	return nil
}

// ReadAt implements File.
func (f *dirFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if f.remote == nil || ctx.Done() == nil {
		return f.f.ReadAt(p, off)
	}
	// A read that continues after ctx has ended must not write into the
	// caller's memory.
	type result struct {
		buf *[]byte
		n   int
		err error
	}
	r, err := interruptible(ctx, f.remote, func() (result, error) {
		buf, _ := readBuffers.Get().(*[]byte)
		if buf == nil || cap(*buf) < len(p) {
			buf = new(make([]byte, len(p)))
		}
		n, err := f.f.ReadAt((*buf)[:len(p)], off)
		return result{buf, n, err}, nil
	}, func(r result) { readBuffers.Put(r.buf) })
	if err != nil {
		return 0, err
	}
	copy(p, (*r.buf)[:r.n])
	readBuffers.Put(r.buf)
	return r.n, r.err
}

// readBuffers holds buffers for reads of remote files (*[]byte).
var readBuffers sync.Pool
