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
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/materialize"
)

// listedDisk describes what is on a backup's disk, in JSON; its fields are a contract.
type listedDisk struct {
	InUse       *bool            `json:"in_use"` // null: not known for all of it
	ImageFormat string           `json:"image_format,omitempty"`
	Contents    []listedContents `json:"contents"`
	Problems    []string         `json:"problems"`        // of the partition table
	Error       string           `json:"error,omitempty"` // why not all of it was looked at

	survey contents.Survey
}

type listedContents struct {
	Partition int    `json:"partition"` // 0: the disk as a whole
	Start     int64  `json:"start"`     // in bytes
	Size      int64  `json:"size"`
	Kind      string `json:"kind"` // "" if not known
	Label     string `json:"label,omitempty"`
	State     string `json:"state"` // clean, in use, unknown
	Detail    string `json:"detail,omitempty"`
}

func newListedDisk(s contents.Survey, err error) *listedDisk {
	l := &listedDisk{ImageFormat: s.Image, Contents: []listedContents{}, Problems: append([]string{}, s.Table.Problems...), survey: s}
	if state := s.State(); state != contents.Unknown {
		inUse := state == contents.InUse
		l.InUse = &inUse
	}
	for _, p := range s.Parts {
		l.Contents = append(l.Contents, listedContents{Partition: p.Number, Start: p.Start, Size: p.Size, Kind: p.Kind, Label: p.Label,
			State: p.State.String(), Detail: p.Detail})
	}
	if err != nil {
		l.Error = err.Error()
	}
	return l
}

func lookFlag(value time.Duration, usage string) cli.Flag {
	return &cli.DurationFlag{Name: "look", Value: value, Usage: usage}
}

// lookAt looks at what is on a backup's disk, for as long as --look says; nil for 0. It fails only
// if the context ends.
func lookAt(c *cli.Context, catalog *backupstore.Catalog, b *backupstore.Backup) (*listedDisk, error) {
	limit := c.Duration("look")
	if limit <= 0 {
		return nil, nil
	}
	if b.Chain() == nil || b.State == backupstore.Incomplete {
		return &listedDisk{Contents: []listedContents{}, Problems: []string{}, Error: fmt.Sprintf("the backup is %s", b.State)}, nil
	}
	ctx, cancel := context.WithTimeout(c.Context, limit)
	defer cancel()
	var s contents.Survey
	v, err := catalog.Outline(ctx, b) // enough, as the data is only described
	if err == nil {
		s, err = contents.Look(volumeReader{ctx, v}, v.Size())
	}
	if c.Context.Err() != nil {
		return nil, c.Context.Err()
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("it takes more than %v; --look gives it longer: --look %v", limit, max(10*limit, time.Minute))
	}
	return newListedDisk(s, err), nil
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

// lines describes for people what is on the disk.
func (l *listedDisk) lines() []string {
	out := l.survey.Lines()
	if l.Error != "" {
		out = append(out, "not all of it was looked at: "+l.Error)
	}
	return out
}

// lookAtTarget looks at a disk that was just restored, on the target: reading there costs next to
// nothing. An error is only reported in the result.
func lookAtTarget(path string, size int64) *listedDisk {
	f, err := os.Open(path)
	if err != nil {
		return newListedDisk(contents.Survey{}, err)
	}
	defer f.Close()
	s, err := contents.Look(io.NewSectionReader(f, 0, size), size)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return newListedDisk(s, err)
}

// restoredLines returns what people must know about a restored disk. For most disks that were not
// in use that is nothing.
func (l *listedDisk) restoredLines() []string {
	if l == nil {
		return nil
	}
	return append(l.survey.InUse(), l.survey.Advice(true)...)
}

// tellContents prints the same for a disk that was written to a pipe or a qcow2 file, where it
// cannot be read again. It looks at the backup instead, for a short time only.
func tellContents(ctx context.Context, w io.Writer, v materialize.Volume) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := contents.Look(volumeReader{ctx, v}, v.Size())
	for _, line := range newListedDisk(s, err).restoredLines() {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(line))
	}
}
