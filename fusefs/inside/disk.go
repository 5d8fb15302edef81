package inside

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/fusefs/inside/lvm"
)

// Whole is the name of the part that is a disk as a whole.
const Whole = "disk"

// Disk is what lies on a disk.
type Disk struct {
	Parts    []*Part  // a disk without partitions has one, [Whole]
	Problems []string // of the table of partitions
	Image    string   // the image format that the disk looks like, "" for most
}

// Part is a partition, a disk as a whole, or a logical volume of LVM in one of these.
type Part struct {
	Name        string // "p1" for partition 1, [Whole], or "group/volume"
	Start, Size int64  // in bytes; a logical volume begins at 0
	contents.Contents
	Err error // why not all of it could be looked at

	// Container says that what it holds is in other parts.
	Container bool

	// Elsewhere says that it cannot be read as a part of it lies on another disk, see [Beside].
	Elsewhere bool

	r io.ReaderAt
}

// Beside is another disk of the same machine.
type Beside struct {
	Name string // in messages
	R    io.ReaderAt
	Size int64
}

// Look says what lies on the size bytes of r, which must return all bytes asked
// for or an error. Of the disks beside it, what volumes of LVM need is used that lie on this one
// too. The error says that a disk could not be read where its table of partitions should be.
func Look(r io.ReaderAt, size int64, beside ...Beside) (*Disk, error) {
	s, err := contents.Look(r, size)
	if err != nil && len(s.Parts) == 0 {
		return nil, fmt.Errorf("look at the disk: %w", err)
	}
	d := &Disk{Problems: s.Table.Problems, Image: s.Image}
	for _, p := range s.Parts {
		part := &Part{Name: Whole, Start: p.Start, Size: p.Size, Contents: p.Contents, Err: p.Err}
		if p.Number > 0 {
			part.Name = fmt.Sprintf("p%d", p.Number)
		}
		part.r = io.NewSectionReader(r, p.Start, p.Size)
		d.Parts = append(d.Parts, part)
	}
	var others []lvm.Source
	for _, b := range beside {
		more, err := b.sources()
		if err != nil {
			return nil, err
		}
		others = append(others, more...)
	}
	d.addVolumes(others)
	return d, nil
}

// lvmKind is how contents names a physical volume.
const lvmKind = "LVM physical volume"

// sources returns the physical volumes of LVM on another disk.
func (b Beside) sources() (list []lvm.Source, err error) {
	s, err := contents.Look(b.R, b.Size)
	if err != nil && len(s.Parts) == 0 {
		return nil, fmt.Errorf("look at %s: %w", b.Name, err)
	}
	var kinds []string
	for _, p := range s.Parts {
		if p.Kind != lvmKind {
			if p.Kind != "" {
				kinds = append(kinds, p.Kind)
			}
			continue
		}
		name := b.Name
		if p.Number > 0 {
			name = fmt.Sprintf("p%d of %s", p.Number, b.Name)
		}
		list = append(list, lvm.Source{Name: name, Size: p.Size, Beside: true,
			R: io.NewSectionReader(b.R, p.Start, p.Size)})
	}
	if len(list) == 0 { // who names it expects that it is used
		return nil, &NothingBesideError{Name: b.Name, Kinds: kinds}
	}
	return list, nil
}

// NothingBesideError says that a disk beside the one that is looked at has nothing that volumes of
// that could lie on.
type NothingBesideError struct {
	Name  string   // of the disk
	Kinds []string // what it holds, as far as that is known
}

func (e *NothingBesideError) Error() string {
	holds := "nothing that is known here"
	if len(e.Kinds) > 0 {
		holds = strings.Join(e.Kinds, ", ")
	}
	return fmt.Sprintf("%s cannot be used beside it: it has no physical volume of LVM, but %s",
		e.Name, holds)
}

// addVolumes adds the logical volumes of LVM, which can lie on physical volumes of other disks too.
func (d *Disk) addVolumes(others []lvm.Source) {
	var sources []lvm.Source
	for _, p := range d.Parts {
		if p.Kind == lvmKind {
			sources = append(sources, lvm.Source{Name: p.Name, R: p.r, Size: p.Size})
		}
	}
	if len(sources) == 0 {
		return
	}
	volumes, problems, notes := lvm.Look(append(sources, others...))
	for _, p := range d.Parts {
		p.Container = p.Kind == lvmKind && len(problems) == 0
	}
	for _, text := range append(problems, notes...) {
		d.Problems = append(d.Problems, "LVM: "+text)
	}
	used := map[string]int{}
	for _, v := range volumes {
		part := &Part{Name: v.Group + "/" + v.Name, Size: v.Size, r: v}
		part.Name = another(used, part.Name)
		if v.Problem != "" {
			part.Kind, part.Holds, part.Elsewhere = "an LVM volume", true, v.Elsewhere
			part.Err = errors.New(v.Problem)
		} else {
			part.Contents, part.Err = contents.Identify(v, v.Size)
		}
		d.Parts = append(d.Parts, part)
	}
}

// another returns a name that no other volume has: two groups can have one. LVM has no ~ in names.
func another(used map[string]int, name string) string {
	if used[name]++; used[name] > 1 {
		return fmt.Sprintf("%s~%d", name, used[name])
	}
	return name
}

// Readable says whether there is a reader for what the part holds.
func (p *Part) Readable() bool { return readable(p.Kind) }

// UnreadableError says that the files of a part cannot be read here, whatever
// its state.
type UnreadableError struct{ Part *Part }

func (e *UnreadableError) Error() string {
	switch {
	case e.Part.Err != nil:
		return fmt.Sprintf("%s could not be looked into: %v", e.Part.Name, e.Part.Err)
	case e.Part.Kind == "":
		return e.Part.Name + " holds nothing that is known here"
	}
	return fmt.Sprintf("%s is %s, whose files are not read here", e.Part.Name, e.Part.Kind)
}

// Unwrap returns why the part could not be looked into.
func (e *UnreadableError) Unwrap() error { return e.Part.Err }

// Open opens the file system in a part. The error is an [UnreadableError] if
// there is no reader for it. Where nothing is known each reader is tried: the
// superblock that tells the kind may be the one that is damaged.
func (p *Part) Open(opt Options) (FS, error) {
	noted := &notingReader{r: p.r}
	for _, reader := range readers() {
		if p.Kind != "" && !slices.Contains(reader.kinds, p.Kind) {
			continue
		}
		f, err := reader.open(noted, p.Size, opt)
		if err == nil {
			return f, nil
		}
		if p.Kind != "" {
			return nil, fmt.Errorf("open the %s in %s: %w", p.Kind, p.Name, err)
		}
	}
	if err := noted.failed(); err != nil { // it may well hold something
		return nil, fmt.Errorf("look what %s holds: %w", p.Name, err)
	}
	return nil, &UnreadableError{p}
}

// notingReader keeps the first error of a reader.
type notingReader struct {
	r   io.ReaderAt
	err atomic.Pointer[error]
}

// ReadAt implements io.ReaderAt.
func (n *notingReader) ReadAt(p []byte, off int64) (int, error) {
	done, err := n.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err.CompareAndSwap(nil, &err)
	}
	return done, err
}

func (n *notingReader) failed() error {
	if err := n.err.Load(); err != nil {
		return *err
	}
	return nil
}
