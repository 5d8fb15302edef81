package objects

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// headBytes of a file are read when it is opened, if it is one that is read from its start: most
// _metadata is smaller, and takes one request then.
const headBytes = 256 << 10

// file implements share.File.
type file struct {
	share  *Share
	name   string
	info   Info   // as it was opened
	head   []byte // its first bytes, as far as they are known
	ctx    context.Context
	cancel context.CancelFunc
	closed atomic.Bool
}

// Open implements share.Share.
func (s *Share) Open(ctx context.Context, name string) (share.File, error) {
	f := &file{share: s, name: name}
	var err error
	if isObject(name) {
		f.info, err = s.head(ctx, name)
	} else {
		f.info, f.head, err = s.start(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// isObject reports whether a name is that of an object of a backup, of which any part may be read
// first.
func isObject(name string) bool {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return false
	}
	_, err := strconv.ParseUint(name[i+1:], 10, 32)
	return err == nil
}

// start opens a file with its first bytes.
func (s *Share) start(ctx context.Context, name string) (Info, []byte, error) {
	key, err := s.key(name)
	if err != nil {
		return Info{}, nil, err
	}
	call := s.outage.Begin()
	defer call.End()
	var info Info
	var head []byte
	err = s.o.Policy.Again(ctx, func() (again bool, err error) {
		var a Answer
		if a, err = s.store.Get(ctx, key, Part{Len: headBytes}); err != nil {
			return false, err
		}
		defer a.Body.Close()
		if info, err = told(key, a.Header); err != nil {
			return false, err
		}
		head = make([]byte, min(info.Size, headBytes))
		_, err = io.ReadFull(a.Body, head)
		return err != nil && ctx.Err() == nil, err
	})
	e, refused := err.(*Error)
	switch {
	case ctx.Err() != nil:
		return info, nil, ctx.Err()
	case refused && e.Status == http.StatusRequestedRangeNotSatisfiable: // it is empty
		info, err = s.head(ctx, name)
		return info, nil, err
	case err != nil:
		return info, nil, err
	}
	info, err = sane(info)
	return info, head, err
}

// told returns what the headers of an answer, to a range from the start, say of the whole object.
func told(key string, h http.Header) (Info, error) {
	info := Info{Key: key, ETag: strings.Trim(h.Get("ETag"), `"`)}
	info.Modified, _ = http.ParseTime(h.Get("Last-Modified"))
	if ranged := h.Get("Content-Range"); ranged != "" {
		first, last, total, ok := contentRange(ranged)
		if !ok || first != 0 || last != min(headBytes, total)-1 {
			return info, errIgnoresRange
		}
		info.Size = total
		return info, nil
	}
	var err error
	info.Size, err = strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		return info, fmt.Errorf("%w: it does not say how long the object is", errMalformed)
	}
	if info.Size > headBytes {
		return info, errIgnoresRange
	}
	return info, nil
}

// contentRange parses the header Content-Range.
func contentRange(s string) (first, last, total int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, of, cut := strings.Cut(rest, "/")
	from, to, dash := strings.Cut(span, "-")
	if !ok || !cut || !dash {
		return 0, 0, 0, false
	}
	for i, text := range []string{from, to, of} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, 0, false
		}
		*[]*int64{&first, &last, &total}[i] = n
	}
	return first, last, total, first <= last && last < total
}

// Size implements share.File.
func (f *file) Size() int64 { return f.info.Size }

// life implements source.
func (f *file) life() context.Context { return f.ctx }

// ModTime implements share.File.
func (f *file) ModTime() time.Time { return f.info.Modified }

// Stamp implements share.File. An object that was written anew has another one.
func (f *file) Stamp(ctx context.Context) (share.Stamp, error) {
	info, err := f.share.head(ctx, f.name)
	if err != nil {
		return share.Stamp{}, err
	}
	return stampOf(info), nil
}

// Close implements share.File.
func (f *file) Close() error {
	if !f.closed.Swap(true) {
		f.cancel()
		f.share.ahead.forget(f)
	}
	return nil
}

// ReadAt implements share.File.
func (f *file) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	switch {
	case f.closed.Load():
		return 0, fmt.Errorf("read %s: %w", f.name, fs.ErrClosed)
	case off < 0:
		return 0, fmt.Errorf("read %s at %d: %w", f.name, off, fs.ErrInvalid)
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case off >= f.info.Size:
		return 0, io.EOF
	}
	asked := len(p)
	p = p[:min(int64(asked), f.info.Size-off)]
	if off < int64(len(f.head)) {
		n = copy(p, f.head[off:])
	}
	if n < len(p) {
		call := f.share.outage.Begin()
		err = f.share.ahead.read(ctx, f, p[n:], off+int64(n))
		call.End()
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			return 0, fmt.Errorf("read %s at %d: %w", f.name, off, err)
		}
	}
	if n = len(p); n < asked {
		err = io.EOF
	}
	return n, err
}

// fetch implements source. Where an answer ends too early it asks for the rest.
func (f *file) fetch(ctx context.Context, parts [][]byte, off int64, full func(int)) error {
	end, at, n := off, 0, 0 // of all; the part that is filled now, and how far
	for _, p := range parts {
		end += int64(len(p))
	}
	return f.share.o.Policy.Again(ctx, func() (again bool, err error) {
		part := Part{Off: off, Len: end - off, ETag: f.info.ETag}
		a, err := f.share.store.Get(ctx, f.info.Key, part)
		if err != nil {
			return false, err
		}
		defer a.Body.Close()
		if err := f.check(a.Header, part); err != nil {
			return false, err
		}
		for ; at < len(parts); at, n = at+1, 0 {
			k, err := io.ReadFull(a.Body, parts[at][n:])
			n, off = n+k, off+int64(k)
			if err != nil {
				return ctx.Err() == nil, fmt.Errorf("the connection was cut: %w", err)
			}
			full(at)
		}
		return false, nil
	})
}

// check reports whether an answer is of the part that was asked for, and of the object that was
// opened.
func (f *file) check(h http.Header, part Part) error {
	etag := strings.Trim(h.Get("ETag"), `"`)
	if etag != f.info.ETag {
		return errChanged(fmt.Sprintf("ETag %q, was %q", etag, f.info.ETag))
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err == nil && !f.info.Modified.IsZero() && !modified.Equal(f.info.Modified) {
		return errChanged(fmt.Sprintf("of %s, was of %s", modified, f.info.Modified))
	}
	length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	ranged := h.Get("Content-Range")
	if ranged == "" {
		if part.Off == 0 && part.Len == f.info.Size && err == nil && length == part.Len {
			return nil // all of it was asked for
		}
		return errIgnoresRange
	}
	first, last, total, ok := contentRange(ranged)
	switch {
	case !ok || first != part.Off || last != part.Off+part.Len-1,
		err == nil && length != part.Len:
		return errIgnoresRange
	case total != f.info.Size:
		return errChanged(fmt.Sprintf("%d bytes, were %d", total, f.info.Size))
	}
	return nil
}
