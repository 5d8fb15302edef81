package nfs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

// Look implements share.Share. With version 4 a directory and one file in it take one call.
func (s *Share) Look(ctx context.Context, dir string,
	files []string) (own share.Stamp, of []share.Stamp, err error) {
	if s.closed.Load() {
		return own, nil, s.wrap("look at", dir, fs.ErrClosed)
	}
	of = make([]share.Stamp, max(1, len(files)))
	first := ""
	if len(files) > 0 {
		first = files[0]
	}
	err = s.do(ctx, "look at", dir, func() (err error) {
		if own, of[0], err = s.lookFrom(ctx, dir, first); err != nil {
			return err
		}
		for i := 1; i < len(files); i++ {
			if _, of[i], err = s.lookFrom(ctx, dir, files[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return own, of[:len(files)], err
}

// TellsStamps says that ReadDir has the stamps of directories, and asks for few files one by one.
func (s *Share) TellsStamps() bool { return true }

// lookFrom looks from the deepest directory whose handle is remembered, and again by all of the
// path where that does not find it.
func (s *Share) lookFrom(ctx context.Context, dir, file string) (own, of share.Stamp, err error) {
	parts, err := names("look at", dir)
	if err != nil {
		return own, of, err
	}
	s.mu.Lock()
	h := s.root.Handle
	s.mu.Unlock()
	h, done := s.remembered(parts, h)
	d, f, err := s.server.Look(ctx, h, parts[done:], file)
	if errors.Is(err, share.ErrStale) || errors.Is(err, fs.ErrNotExist) {
		err = s.in(ctx, dir, func(h proto.Handle) (err error) {
			d, f, err = s.server.Look(ctx, h, nil, file)
			return err
		})
	}
	if err == nil && f.Mode.IsRegular() {
		of = f.Stamp
	}
	return d.Stamp, of, err
}
