package seekable

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Of several zlib streams in one object Cinder reads the first (zlib.decompress). Those behind it
// are no part of the object, and whoever wrote them believed that they are.

// another is what a Decoder of a format has whose streams do not follow each other.
type another interface {
	// Another reports whether something that looks like another stream follows the one that was
	// read to its end.
	Another(ctx context.Context) bool
}

const onlyFirst = "which is not read: of several in one object only the first counts, " +
	"for Cinder too"

// ended is the error of a decoder that has come to the end of its stream before that of the object.
// Other errors it returns as they are.
func ended(ctx context.Context, d *decoder, err error) error {
	if a, ok := d.Decoder.(another); ok && errors.Is(err, io.EOF) && a.Another(ctx) {
		return fmt.Errorf("%w: its first zlib stream ends after %d bytes, and another one "+
			"follows, %s",
			io.ErrUnexpectedEOF, d.Offset(), onlyFirst)
	}
	return err
}

// finish is Finish of the decoder, which also fails if another stream follows.
func finish(ctx context.Context, d *decoder) error {
	if err := d.Finish(ctx); err != nil {
		return err
	}
	if a, ok := d.Decoder.(another); ok && a.Another(ctx) {
		return fmt.Errorf("%w: another zlib stream follows, %s", stream.ErrCorrupt, onlyFirst)
	}
	return nil
}
