package attended

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/materialize"
)

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

// lookAtBackup looks at a disk that was written to a pipe or into a qcow2 file, where it cannot be
// read as it is: at the backup instead, and for a short time only.
func lookAtBackup(ctx context.Context, v materialize.Source) *report.Disk {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := contents.Look(source.Reader{Ctx: ctx, V: v}, v.Size())
	return report.NewDisk(s, err)
}

// tellContents prints what lies on a disk that was written to a pipe.
func tellContents(ctx context.Context, w io.Writer, v materialize.Source) {
	for _, line := range lookAtBackup(ctx, v).RestoredLines() {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(line))
	}
}
