package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// Look looks at what is on a backup's disk, for so long at most; it returns nil for 0. It fails
// only if the context ends.
func Look(ctx context.Context, catalog *backupstore.Catalog, b *backupstore.Backup,
	limit time.Duration) (*report.Disk, error) {
	if limit <= 0 {
		return nil, nil
	}
	if b.Chain() == nil || b.State == backupstore.Incomplete {
		return report.NewDisk(contents.Survey{}, fmt.Errorf("the backup is %s", b.State)), nil
	}
	soon, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var s contents.Survey
	v, err := catalog.Outline(soon, b) // enough, as the data is only described
	if err == nil {
		s, err = contents.Look(Reader{soon, v}, v.Size())
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if soon.Err() != nil && err != nil {
		err = fmt.Errorf("it takes more than %v; --look gives it longer: --look %v",
			limit, max(10*limit, time.Minute))
	}
	d := report.NewDisk(s, err)
	if err == nil && mayBeEncrypted(Reader{soon, v}, v.Size(), s) {
		h, err := luks.Read(Reader{soon, v}, v.Size())
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, luks.ErrNone) {
			d.Encryption = report.NewEncryption(h, err)
		}
	}
	return d, nil
}

// mayBeEncrypted reports whether a disk as a whole begins as LUKS does, or as an image that may
// have it inside.
func mayBeEncrypted(r io.ReaderAt, size int64, s contents.Survey) bool {
	if len(s.Parts) == 1 && strings.HasPrefix(s.Parts[0].Kind, "LUKS") {
		return true
	}
	image, err := contents.Image(r, size)
	return err == nil && image == "qcow2"
}

// Reader makes an io.ReaderAt of a volume during one call.
type Reader struct {
	Ctx context.Context
	V   interface {
		ReadAt(ctx context.Context, p []byte, off int64) error
	}
}

// ReadAt implements io.ReaderAt.
func (r Reader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.V.ReadAt(r.Ctx, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}
