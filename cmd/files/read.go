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

// WriteTo writes what is in a regular file to w, holes as zeros.
func (n *Node) WriteTo(ctx context.Context, w io.Writer) error {
	file, err := n.content()
	if err != nil {
		return err
	}
	p := make([]byte, min(pieceBytes, max(file.Size(), 1)))
	for off := int64(0); off < file.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := p[:min(int64(len(p)), file.Size()-off)]
		if _, err := file.ReadAt(piece, off); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		off += int64(len(piece))
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
