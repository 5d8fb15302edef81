package contents

import (
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/fusefs/parttable"
)

// maxParts bounds the number of partitions that are identified.
const maxParts = 64

// Survey is what was found on a disk.
type Survey struct {
	Table parttable.Table
	Image string // the result of the function Image
	Parts []Part // a disk without partitions has one, with the number 0
}

// Part is a partition, or the disk as a whole.
type Part struct {
	parttable.Partition
	Contents
	Err error // why not all of it could be read
}

// Look surveys a disk of size bytes; r is as for Identify. The error joins the
// errors of all reads; the Survey holds what was found nevertheless.
func Look(r io.ReaderAt, size int64) (Survey, error) {
	var s Survey
	var err error
	if s.Table, err = parttable.Read(r, size); err != nil {
		return s, err
	}
	errs := make([]error, 1)
	s.Image, errs[0] = Image(r, size)
	places := s.Table.Partitions
	if len(places) == 0 {
		places = []parttable.Partition{{Size: size}}
	}
	for i, p := range places {
		if i == maxParts {
			s.Table.Problems = append(s.Table.Problems,
				fmt.Sprintf("only the first %d partitions were looked into", maxParts))
			break
		}
		part := Part{Partition: p}
		if part.Contents, part.Err = Identify(io.NewSectionReader(r, p.Start, p.Size),
			p.Size); part.Err != nil {
			errs = append(errs, fmt.Errorf("look into %s: %w", part.name(), part.Err))
		}
		s.Parts = append(s.Parts, part)
	}
	return s, errors.Join(errs...)
}

func (p Part) name() string {
	if p.Number == 0 {
		return "the whole disk"
	}
	return fmt.Sprintf("partition %d", p.Number)
}

// State sums up the parts: InUse if any part was in use, else Unknown if the
// state of any part cannot be known, else Clean if there is a file system.
// Parts without a state, such as swap, do not count.
func (s Survey) State() State {
	state, doubt := Unknown, false
	for _, p := range s.Parts {
		switch {
		case p.State == InUse:
			return InUse
		case p.State == Clean:
			state = Clean
		case p.Holds || p.Err != nil || p.Detail != "":
			doubt = true
		}
	}
	if doubt {
		return Unknown
	}
	return state
}

// Lines describes the disk for people: a line for each part, then problems of
// the partition table, then advice. All is printable text.
func (s Survey) Lines() []string {
	var out []string
	for _, p := range s.Parts {
		out = append(out, p.line())
	}
	for _, problem := range s.Table.Problems {
		out = append(out, "table of partitions: "+problem)
	}
	return append(out, s.Advice(false)...)
}

// InUse returns the lines of the parts that were in use.
func (s Survey) InUse() []string {
	var out []string
	for _, p := range s.Parts {
		if p.State == InUse {
			out = append(out, p.line())
		}
	}
	return out
}

func (p Part) line() string {
	line := p.name() + ": "
	switch {
	case p.Kind == "" && p.Err == nil:
		line += "nothing that is known here"
	case p.Kind == "":
		line += fmt.Sprintf("could not be looked into: %v", p.Err)
	default:
		line += p.Kind
	}
	if p.Label != "" {
		line += fmt.Sprintf(" %q", p.Label)
	}
	switch {
	case p.State == InUse:
		return line + ", in use when it was backed up: " + p.Detail
	case p.State == Clean:
		line += ", not in use when it was backed up"
	}
	if p.Detail != "" {
		line += "; " + p.Detail
	}
	return line
}

// Advice tells people what to do, in no or more lines; most disks that were not
// in use need none. writable means that it is about a copy that can be written,
// not about the backup.
func (s Survey) Advice(writable bool) []string {
	var out []string
	switch {
	case s.State() != InUse:
	case writable:
		out = append(out,
			"it was in use when it was backed up: its first mount must be able to write, "+
				"so that its journal is replayed; "+
				"with noload or norecovery, up to all recent files are missing")
	default:
		out = append(out,
			"it was in use when it was backed up: mount it with --overlay so that its journal "+
				"is replayed; "+
				"without, up to all recent files are missing")
	}
	for _, p := range s.Parts {
		if p.Holds {
			out = append(out,
				fmt.Sprintf("%s holds its file systems inside (%s): whether they were in use "+
					"cannot be seen from outside; "+
					"\"LVM, LUKS, RAID\" in the guide to mounts says how to reach them",
					p.name(), p.Kind))
		}
	}
	if s.Image != "" {
		out = append(out,
			fmt.Sprintf("the data begins as a %[1]s image does: name the format raw to programs "+
				"that read it, or they take it for that image; "+
				"if Cinder kept this volume as a %[1]s file, as its NFS driver can, "+
				"the disk is inside it", s.Image))
	}
	return out
}
