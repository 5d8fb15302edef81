package nfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

const (
	// maxPiece is the most bytes that one READ asks for: a large read has several in flight.
	maxPiece = 512 << 10
	// maxFlight bounds the READs that one ReadAt has in flight.
	maxFlight = 8
)

// file implements share.File.
type file struct {
	share  *Share
	server *server
	name   string
	node   proto.Node // as it was opened
	ctx    context.Context
	cancel context.CancelFunc
	closed atomic.Bool
	ends   [4]int64 // where the last reads ended; guarded by ahead.mu
	turn   int      // which of them is replaced next; guarded by ahead.mu
}

func newFile(s *Share, name string, n proto.Node) *file {
	s.server.use()
	f := &file{share: s, server: s.server, name: name, node: n, ends: [4]int64{-1, -1, -1, -1}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Size implements share.File.
func (f *file) Size() int64 { return f.node.Attr.Stamp.Size }

// ModTime implements share.File.
func (f *file) ModTime() time.Time { return modTime(f.node.Attr) }

// Close implements share.File.
func (f *file) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	f.cancel()
	f.server.ahead.forget(f, nil)
	f.server.drop()
	return nil
}

// Stamp implements share.File.
func (f *file) Stamp(ctx context.Context) (share.Stamp, error) {
	if f.closed.Load() {
		return share.Stamp{}, f.share.wrap("stat", f.name, fs.ErrClosed)
	}
	var a proto.Attr
	err := f.share.do(ctx, "stat", f.name, func() (err error) {
		a, err = f.server.Attr(ctx, f.node.Handle)
		if err == nil && f.isAnother(a) {
			err = errAnother
		}
		return err
	})
	if err != nil {
		return share.Stamp{}, err
	}
	f.server.ahead.forget(f, &a.Stamp)
	return a.Stamp, nil
}

// ReadAt implements share.File.
func (f *file) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	switch {
	case f.closed.Load():
		return 0, f.share.wrap("read", f.name, fs.ErrClosed)
	case off < 0:
		return 0, f.share.wrap("read", f.name, fs.ErrInvalid)
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case len(p) == 0:
		return 0, nil
	}
	err = f.share.do(ctx, "read", f.name, func() (err error) {
		n, err = f.server.ahead.read(ctx, f, p, off)
		return err
	})
	if e, ok := errors.AsType[*Error](err); ok {
		e.Op = fmt.Sprintf("read at %d", off)
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// piece is how many bytes one READ asks for.
func (f *file) piece() int { return min(maxPiece, f.server.MaxRead()) }

// read reads p, with several READs in flight. Less than all of it is the end of the file.
func (f *file) read(ctx context.Context, p []byte, off int64) (int, error) {
	size := f.piece()
	if len(p) <= size {
		n, _, err := f.readPiece(ctx, p, off)
		return n, err
	}
	got := make([]int, (len(p)+size-1)/size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxFlight)
	for i := range got {
		group.Go(func() (err error) {
			at := i * size
			got[i], _, err = f.readPiece(ctx, p[at:min(len(p), at+size)], off+int64(at))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	n := 0
	for i, k := range got {
		n += k
		if k < min(size, len(p)-i*size) {
			break
		}
	}
	return n, nil
}

// readPiece reads p, with one READ if the server gives all at once. The chunk is that of the last.
func (f *file) readPiece(ctx context.Context, p []byte, off int64) (n int, last proto.Chunk,
	err error) {
	for n < len(p) {
		last, err = f.server.Read(ctx, f.node.Handle, p[n:], off+int64(n))
		if err != nil {
			return n, last, err
		}
		if last.Known && f.isAnother(last.Attr) {
			return n, last, errAnother
		}
		n += last.N
		if last.EOF {
			break
		}
		if last.N == 0 {
			return n, last, errNothing
		}
	}
	return n, last, nil
}

// isAnother reports whether the attributes are of another file than was opened. The file system's
// number does not count: a server may give it another one when it starts.
func (f *file) isAnother(now proto.Attr) bool {
	return now.Stamp.Inode != f.node.Attr.Stamp.Inode
}

var errAnother = fmt.Errorf("its handle is another file's now: %w", proto.Stale)

var errNothing = errors.New("the server reads nothing, and says that the file goes on")
