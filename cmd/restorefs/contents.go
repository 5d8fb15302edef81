package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/materialize"
)

func lookFlag(value time.Duration, usage string) cli.Flag {
	return &cli.DurationFlag{Name: "look", Value: value, Usage: usage}
}

// lookAt looks at what is on a backup's disk, for so long at most; it returns nil for 0. It fails
// only if the context ends.
func lookAt(ctx context.Context, catalog *backupstore.Catalog, b *backupstore.Backup,
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
		s, err = contents.Look(volumeReader{soon, v}, v.Size())
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if soon.Err() != nil && err != nil {
		err = fmt.Errorf("it takes more than %v; --look gives it longer: --look %v",
			limit, max(10*limit, time.Minute))
	}
	return report.NewDisk(s, err), nil
}

// volumeReader makes an io.ReaderAt of a volume during one call.
type volumeReader struct {
	ctx context.Context
	v   interface {
		ReadAt(ctx context.Context, p []byte, off int64) error
	}
}

func (r volumeReader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.v.ReadAt(r.ctx, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// lookAtTarget looks at a disk that was just restored, on the target: reading there costs next to
// nothing. An error is only reported in the result.
func lookAtTarget(path string, size int64) *report.Disk {
	f, err := os.Open(path)
	if err != nil {
		return report.NewDisk(contents.Survey{}, err)
	}
	defer f.Close()
	s, err := contents.Look(io.NewSectionReader(f, 0, size), size)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return report.NewDisk(s, err)
}

// tellContents prints the same for a disk that was written to a pipe or a qcow2 file, where it
// cannot be read again. It looks at the backup instead, for a short time only.
func tellContents(ctx context.Context, w io.Writer, v materialize.Source) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := contents.Look(volumeReader{ctx, v}, v.Size())
	for _, line := range report.NewDisk(s, err).RestoredLines() {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(line))
	}
}
