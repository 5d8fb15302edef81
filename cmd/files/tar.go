package files

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// TarOptions say how a tar is made. Neither function may be nil.
type TarOptions struct {
	Failed func(path string, err error) // as in CopyOptions
	Left   func(path, why string)
}

// Tarred says what is in a tar.
type Tarred struct {
	Entries int
	Bytes   int64 // of contents
	Failed  int
	Damaged error // as in Copied
}

// Tar writes files and directories with all that is in them to w, in the pax format:
// owners, modes, times of nanoseconds, extended attributes, several names of one
// file, devices. Names are those of the disk without the first slash, and begin with
// the name of the part if the nodes are of several. Holes are zeros there.
//
// Where a file cannot be read to its end, what is missing is zeros, as its length
// stands before it, and Failed is told. The error says why the tar is not whole.
func Tar(ctx context.Context, w io.Writer, nodes []*Node, o TarOptions) (Tarred, error) {
	t := &tarrer{ctx: ctx, o: o, w: tar.NewWriter(w), buffer: make([]byte, pieceBytes),
		meter: meter{}}
	for _, n := range nodes {
		t.several = t.several || n.Part() != nodes[0].Part()
	}
	for _, n := range nodes {
		if err := Walk(ctx, n, t); err != nil {
			return t.done, err
		}
	}
	if err := t.w.Close(); err != nil {
		return t.done, fmt.Errorf("end the tar: %w", err)
	}
	return t.done, nil
}

// tarrer writes a tar. It is a Visitor.
type tarrer struct {
	ctx     context.Context
	o       TarOptions
	w       *tar.Writer
	several bool
	links   links
	meter   meter
	buffer  []byte
	done    Tarred
}

// writeError is an error of the tar's writer: nothing more can be written.
type writeError struct{ err error }

func (e *writeError) Error() string { return "write the tar: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// Enter implements Visitor.
func (t *tarrer) Enter(n *Node) (down bool, err error) {
	if n.is(typeSocket) {
		t.o.Left(n.Path, "a socket, which a tar cannot have")
		return false, nil
	}
	err = t.add(n)
	if ended := t.ctx.Err(); ended != nil {
		return false, ended
	}
	if failed, ok := errors.AsType[*writeError](err); ok {
		return false, failed
	}
	if shared, ok := errors.AsType[*sharedError](err); ok {
		return false, shared
	}
	if err != nil {
		t.Problem(n.Path, err)
	}
	return n.IsDir(), nil
}

// Leave implements Visitor.
func (t *tarrer) Leave(*Node) error { return nil }

// Problem implements Visitor.
func (t *tarrer) Problem(path string, err error) {
	t.done.Failed++
	if t.done.Damaged == nil && Damaged(err) {
		t.done.Damaged = err
	}
	t.o.Failed(path, err)
}

// add adds one file.
func (t *tarrer) add(n *Node) error {
	h, err := t.header(n)
	if err != nil {
		t.links.forget(n)
		return err
	}
	var content inside.File
	if h.Typeflag == tar.TypeReg {
		file, err := n.content()
		if err != nil {
			t.links.forget(n)
			return err
		}
		content, h.Size = file, file.Size()
	}
	if err := t.w.WriteHeader(h); err != nil {
		t.links.forget(n)
		if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) {
			return fmt.Errorf("what it is cannot be written in a tar: %w", err)
		}
		return &writeError{err}
	}
	t.done.Entries++
	if content == nil {
		return nil
	}
	return t.write(n, content, h.Size)
}

// write writes the contents of a file. What cannot be read is zeros.
func (t *tarrer) write(n *Node, content inside.File, size int64) error {
	var failed error
	begin, end := int64(0), int64(0) // of data; what lies before it is a hole
	for off := int64(0); off < size; {
		if off >= end {
			var err error
			begin, end, err = content.NextData(off)
			switch {
			case errors.Is(err, io.EOF):
				begin, end = size, size
			case err != nil: // reading it says what is wrong
				begin, end = off, size
			}
		}
		piece := t.buffer[:min(int64(len(t.buffer)), size-off)]
		if off < begin {
			piece = piece[:min(int64(len(piece)), begin-off)]
			clear(piece)
			if err := cmp.Or(t.ctx.Err(), t.meter.hole(n, int64(len(piece)))); err != nil {
				return err
			}
		} else {
			piece = piece[:min(int64(len(piece)), end-off)]
			err := t.read(n, content, piece, off)
			if _, shared := errors.AsType[*sharedError](err); shared || t.ctx.Err() != nil {
				return cmp.Or(t.ctx.Err(), err)
			}
			failed = cmp.Or(failed, err)
		}
		if _, err := t.w.Write(piece); err != nil {
			return &writeError{err}
		}
		off += int64(len(piece))
		t.done.Bytes += int64(len(piece))
	}
	return failed
}

// read reads a piece of data; what cannot be read becomes zeros.
func (t *tarrer) read(n *Node, content inside.File, piece []byte, off int64) error {
	if err := t.meter.take(n, len(piece), 1); err != nil {
		return err
	}
	_, err := content.ReadAt(piece, off)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	clear(piece)
	return fmt.Errorf(
		"%w (zeros stand in the tar for what could not be read, from byte %d on)", err, off)
}

// maxXattrs bounds the extended attributes of a file in a tar. Readers take headers of 1 MiB,
// which hold two paths as well.
const (
	maxXattrs   = 768 << 10
	recordBytes = 32 // what a header needs for each besides its name and value
)

// xattrKeyword writes the name of an attribute as GNU tar does, which turns it back: a record
// ends its keyword with the first =.
var xattrKeyword = strings.NewReplacer("%", "%25", "=", "%3D")

// header returns what a tar says of a file.
func (t *tarrer) header(n *Node) (*tar.Header, error) {
	h := &tar.Header{
		Format: tar.FormatPAX, Name: t.name(n), Mode: int64(n.Attr.Mode & 0o7777),
		Uid: int(n.Attr.UID), Gid: int(n.Attr.GID), ModTime: n.Attr.Mtime, AccessTime: n.Attr.Atime,
		PAXRecords: map[string]string{},
	}
	if first := t.links.other(n, h.Name); first != "" {
		h.Typeflag, h.Linkname = tar.TypeLink, first
		return h, nil
	}
	switch n.Attr.Mode & typeMask {
	case typeRegular:
		h.Typeflag = tar.TypeReg
	case typeDir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case typeLink:
		target, err := n.Target()
		if err != nil {
			return nil, err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case typeFIFO:
		h.Typeflag = tar.TypeFifo
	case typeChar, typeBlock:
		h.Typeflag = tar.TypeChar
		if n.is(typeBlock) {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(n.Attr.Rdev)), int64(unix.Minor(n.Attr.Rdev))
	default:
		return nil, errors.New("its type is not known")
	}
	list, err := n.xattrs(t.Problem)
	if err != nil {
		return nil, fmt.Errorf("read its extended attributes: %w", err)
	}
	bytes := 0
	for _, x := range list {
		// The writer would end for good at a header that is too large.
		if bytes += len(x.Name) + len(x.Value) + recordBytes; bytes > maxXattrs {
			return nil, fmt.Errorf("its extended attributes have more than %d bytes", maxXattrs)
		}
		if x.Name == "" || strings.ContainsRune(x.Name, 0) { // no record can have it
			t.o.Left(n.Path, fmt.Sprintf("its extended attribute %q, which a tar cannot have",
				x.Name))
			continue
		}
		h.PAXRecords["SCHILY.xattr."+xattrKeyword.Replace(x.Name)] = string(x.Value)
	}
	return h, nil
}

// name returns what a file is called in the tar.
func (t *tarrer) name(n *Node) string {
	name := strings.TrimPrefix(n.Path, "/")
	if t.several {
		name = strings.TrimSuffix(n.Part().Name+"/"+name, "/")
	}
	if name == "" {
		return "."
	}
	return name
}
