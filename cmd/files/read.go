package files

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// pieceBytes is how much of a file is read at a time.
const pieceBytes = 1 << 20

// content opens what is in a regular file.
func (n *Node) content() (inside.File, error) {
	if !n.IsRegular() {
		return nil, fmt.Errorf("it is no regular file: %s", n.Kind())
	}
	return n.tree.fs.Open(n.Ino)
}

// HoleWriter is a writer of [Node.WriteTo] that is asked before zeros of a hole are written.
type HoleWriter interface {
	io.Writer

	// WriteHole says whether it has made room for n zeros, so that they need not be written.
	WriteHole(n int64) (made bool, err error)
}

// WriteTo writes what is in a regular file to w, which may be a [HoleWriter]. Holes are zeros.
func (n *Node) WriteTo(ctx context.Context, w io.Writer) error {
	file, err := n.content()
	if err != nil {
		return err
	}
	s := stretched{ctx: ctx, w: w}
	p := make([]byte, min(pieceBytes, max(file.Size(), 1)))
	if err := eachData(ctx, file, p, s.data); err != nil {
		return err
	}
	return s.zerosTo(file.Size())
}

// minHole is how much room is worth asking for.
const minHole = 4096

// stretched writes data, and zeros between.
type stretched struct {
	ctx   context.Context
	w     io.Writer
	at    int64  // where it is in the file
	zeros []byte // made when they are needed
}

func (s *stretched) data(p []byte, off int64) error {
	if err := s.zerosTo(off); err != nil {
		return err
	}
	s.at += int64(len(p))
	_, err := s.w.Write(p)
	return err
}

// zerosTo writes zeros up to an offset.
func (s *stretched) zerosTo(end int64) error {
	if holes, ok := s.w.(HoleWriter); ok && end-s.at >= minHole {
		if made, err := holes.WriteHole(end - s.at); made || err != nil {
			s.at = end
			return err
		}
	}
	for s.at < end {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if s.zeros == nil {
			s.zeros = make([]byte, pieceBytes)
		}
		n, err := s.w.Write(s.zeros[:min(int64(len(s.zeros)), end-s.at)])
		if s.at += int64(n); err != nil {
			return err
		}
	}
	return nil
}

// eachData calls fn with all that a file has but its holes, in order. The bytes are
// valid until fn returns.
func eachData(
	ctx context.Context,
	file inside.File,
	p []byte,
	fn func(p []byte, off int64) error,
) error {
	for off := int64(0); ; {
		begin, end, err := file.NextData(off)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for begin < end {
			if err := ctx.Err(); err != nil {
				return err
			}
			piece := p[:min(int64(len(p)), end-begin)]
			if _, err := file.ReadAt(piece, begin); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if err := fn(piece, begin); err != nil {
				return err
			}
			begin += int64(len(piece))
		}
		off = end
	}
}
