package materialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
)

// Kind is what a target is.
type Kind int

// The kinds of targets.
const (
	KindOther  Kind = iota // cannot be a target
	KindFile               // a regular file, existing or to be created
	KindDevice             // a block device
)

// Target is an open target that was checked and may be written. It belongs to one goroutine; Run
// shares it with goroutines of its own.
type Target struct {
	name       string // as given
	path       string // without symlinks
	kind       Kind
	f          *os.File // nil: a file that Run creates
	direct     *os.File // a device opened with O_DIRECT, or nil
	id         identity
	size       int64 // when it was opened; 0 for a file that Run creates
	need       int64 // size of the volume
	blockBytes int64 // logical block size of a device
	blank      bool  // known to read as zeros everywhere
	zeroMode   atomic.Int32
	created    bool // by this run
	overridden []Reason
	notes      []string

	backup    string  // the backup's id
	key       string  // lasting identity, for the marker
	marker    string  // the marker's path, or ""
	continues *marker // of the run that is continued, or nil
	force     bool
}

// OpenOptions says what a target is to be used for.
type OpenOptions struct {
	Size  int64 // of the volume, in bytes
	Force bool  // overwrite what the target holds; overrides no other check

	// Backup is the backup's id. With it an interrupted run leaves a marker, and
	// the next run of this backup onto this target continues it without Force.
	Backup string
	// StateDir is an existing directory for the markers of devices; "" means that runs onto devices
	// leave no markers. Those of files lie beside the files.
	StateDir string
}

// Open opens a target exclusively and checks it; it writes nothing. A file that
// does not exist is created by Run. The error is a *RefusedError when the
// target must not be written.
func Open(ctx context.Context, name string, o OpenOptions) (*Target, error) {
	t := &Target{name: name, need: o.Size, blockBytes: 1, backup: o.Backup, force: o.Force}
	f, err := t.open()
	if err == nil {
		err = t.judge(ctx, f, o)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Target) judge(ctx context.Context, f facts, o OpenOptions) error {
	if f.id != (identity{}) {
		m, err := theHost.look(f.id)
		if err != nil {
			return err
		}
		f.machine = m
		for _, what := range m.unseen {
			t.notes = append(t.notes,
				"cannot see "+what+": make sure that the target is not in use there")
		}
		t.notes = append(t.notes, m.elsewhere(f.id)...)
	}
	if f.unopened != nil {
		// That the target is in use says more than the error of opening it.
		f.blank, f.size = true, o.Size
		if reasons := judge(f, o.Size); len(reasons) > 0 {
			return &RefusedError{Target: t.String(), Reasons: reasons}
		}
		return f.unopened
	}
	if t.f != nil {
		if err := t.lookInside(ctx, &f); err != nil {
			return err
		}
		if t.kind == KindDevice {
			t.key = theHost.deviceKey(f.machine, t.id.rdev)
		}
	}
	t.findMarker(o, &f)
	refused := false
	reasons := judge(f, o.Size)
	for _, r := range reasons {
		refused = refused || !(r.Forceable && o.Force)
	}
	if refused {
		return &RefusedError{Target: t.String(), Reasons: reasons}
	}
	t.overridden = reasons
	if t.size > o.Size {
		t.notes = append(t.notes,
			fmt.Sprintf("the target is larger than the backup: its last %d bytes stay as they are",
				t.size-o.Size))
	}
	return nil
}

// open resolves the name, opens the file or device, and returns the facts known so far.
func (t *Target) open() (facts, error) {
	var err error
	if t.path, err = filepath.EvalSymlinks(t.name); err != nil {
		f := facts{kind: KindFile, blank: true}
		f.readOnly, err = t.toBeCreated(err)
		return f, err
	}
	if t.path, err = filepath.Abs(t.path); err != nil {
		return facts{}, fmt.Errorf("resolve target %s: %w", t.name, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(t.path, &st); err != nil {
		return facts{}, fmt.Errorf("look at target %s: %w", t, err)
	}
	t.id = identify(&st)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		t.kind = KindFile
		return t.openFile()
	case unix.S_IFBLK:
		t.kind = KindDevice
		return t.openDevice()
	case unix.S_IFDIR:
		return facts{what: "directory"}, nil
	case unix.S_IFCHR:
		return facts{what: "character device"}, nil
	case unix.S_IFIFO:
		return facts{what: "named pipe"}, nil
	}
	return facts{what: "socket"}, nil
}

// openAs opens the resolved path and makes sure that it is still the file or device that was looked
// at.
func (t *Target) openAs(flags int) (*os.File, error) {
	f, err := os.OpenFile(t.path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, err
	}
	if identify(&st) != t.id {
		f.Close()
		return nil, fmt.Errorf(
			"%s became another device or file while it was being opened: try again", t.path)
	}
	return f, nil
}

// findMarker looks for the marker of an interrupted run.
func (t *Target) findMarker(o OpenOptions, f *facts) {
	if t.marker = t.markerPath(o); t.marker == "" || t.f == nil {
		return
	}
	n := readMarker(t.marker)
	switch {
	case n == nil || n.Target != t.key || t.key == "":
	case n.Backup == o.Backup && n.Size == o.Size:
		t.continues, f.continues = n, true
		t.notes = append(t.notes,
			fmt.Sprintf("continues the restore of backup %s that was begun at %s",
				printable(n.Backup), n.Started.Format(time.RFC3339)))
	default:
		f.holds = append(f.holds, "an unfinished restore of backup "+n.Backup)
	}
}

// lookInside adds to the facts what the open target holds.
func (t *Target) lookInside(ctx context.Context, f *facts) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.blank {
		f.blank = true
		return nil
	}
	var err error
	if f.holds, err = signatures(t.f, t.size); err == nil {
		f.blank, f.nonzero, err = blankSoFar(t.f, t.size)
	}
	if err != nil {
		return &TargetError{Target: t.path, Op: "read", Err: cause(err)}
	}
	return nil
}

// String returns the target's name and, if that differs, its path.
func (t *Target) String() string {
	if t.path == "" || t.path == t.name {
		return t.name
	}
	if abs, err := filepath.Abs(t.name); err == nil && abs == t.path { // only relative, no link
		return t.path
	}
	return fmt.Sprintf("%s (%s)", t.name, t.path)
}

// Path is the target's path without symlinks.
func (t *Target) Path() string { return t.path }

// Kind is what the target is.
func (t *Target) Kind() Kind { return t.kind }

// Size is the target's size in bytes when it was opened; 0 for a file that does not exist yet.
func (t *Target) Size() int64 { return t.size }

// Continues reports whether Run will continue an interrupted run.
func (t *Target) Continues() bool { return t.continues != nil }

// Overridden lists the reasons against the target that Force overrides.
func (t *Target) Overridden() []Reason { return t.overridden }

// Notes are sentences that the operator should read before confirming.
func (t *Target) Notes() []string { return t.notes }

// Marker is the path of the file that says, until a run is complete, which backup is being written;
// "" if there is none.
func (t *Target) Marker() string { return t.marker }

// Close closes the target. Only a nil error of Run means that it is on stable storage.
func (t *Target) Close() error {
	if t.f == nil {
		return nil
	}
	if t.direct != nil {
		t.direct.Close()
	}
	return t.f.Close()
}

func (t *Target) fd() int { return int(t.f.Fd()) }

// write writes all of p at off. Whole pages are written to a device past the page cache; buffers of
// the pool are aligned for that.
func (t *Target) write(p []byte, off int64) error {
	if t.direct != nil && off%pageBytes == 0 {
		n := len(p) &^ (pageBytes - 1)
		done, err := t.direct.WriteAt(p[:n], off)
		if err != nil && !errors.Is(err, unix.EINVAL) {
			return t.failed("write", p[done:], off+int64(done), err)
		}
		// What remains is the end of the volume, or all if the device requires a larger alignment.
		p, off = p[done:], off+int64(done)
	}
	n, err := t.f.WriteAt(p, off)
	return t.failed("write", p[n:], off+int64(n), err)
}

// failed returns a TargetError for p at off, or nil if err is nil.
func (t *Target) failed(op string, p []byte, off int64, err error) error {
	if err == nil {
		return nil
	}
	return &TargetError{Target: t.path, Op: op, Off: off, Len: int64(len(p)), Err: cause(err)}
}

// ReadAt fills p with the bytes of the target at off. Bytes past its end, and of a file that Run is
// yet to create, are zero.
func (t *Target) ReadAt(p []byte, off int64) error {
	if t.f == nil {
		clear(p)
		return nil
	}
	n, err := t.f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		clear(p[n:])
		err = nil
	}
	return t.failed("read", p[n:], off+int64(n), err)
}

// sync waits until everything written is on stable storage.
func (t *Target) sync() error {
	if err := ignoringEINTR(func() error { return unix.Fsync(t.fd()) }); err != nil {
		return &TargetError{Target: t.path, Op: "flush", Err: err}
	}
	if !t.created {
		return nil
	}
	if err := private.SyncDir(filepath.Dir(t.path), t.f); err != nil {
		return &TargetError{Target: t.path, Op: "flush", Err: err}
	}
	return nil
}

// stillFree checks, before the first byte is written, that the target has not come into use since
// it was opened: the operator may have taken long to confirm.
func (t *Target) stillFree() error {
	if t.id == (identity{}) {
		return nil // the file is yet to be created
	}
	m, err := theHost.look(t.id)
	if err != nil {
		return err
	}
	reasons := m.users(t.id)
	for _, p := range m.opens {
		reasons = append(reasons, Reason{Kind: ReasonOpen, Text: p})
	}
	if len(reasons) == 0 {
		return nil
	}
	for i := range reasons {
		reasons[i].Text = printable(reasons[i].Text)
	}
	return &RefusedError{Target: t.String(), Reasons: reasons}
}

// stillThere checks, when everything is written, that the name still means the target, and that it
// was not shortened meanwhile.
func (t *Target) stillThere() error {
	var open, named unix.Stat_t
	err := unix.Fstat(t.fd(), &open)
	if err == nil {
		err = unix.Stat(t.path, &named)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		err = errors.New("it was removed during the run")
	case err != nil:
	case identify(&open) != identify(&named):
		err = errors.New("it was replaced by another file or device during the run")
	case t.kind == KindFile && open.Size < t.need:
		err = errors.New("it was shortened during the run")
	}
	if err != nil {
		return &TargetError{Target: t.path, Op: "completion", Err: err}
	}
	return nil
}

// cause strips the path from an error, for messages that name it themselves.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
