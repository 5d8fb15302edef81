package files

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// madeUp is a file system that no image is needed for.
type madeUp struct {
	inside.FS
	files map[uint64]*madeUpFile
	bytes int64 // of the file system; 0: 1 GiB
}

type madeUpFile struct {
	mode    uint32
	nlink   uint32
	text    string // what it holds, or where it leads
	entries []inside.Dirent
	xattrs  []inside.Xattr
	failing bool // the attributes
}

var errMadeUp = errors.New("made up")

func (f *madeUp) Info() inside.Info {
	return inside.Info{Kind: "ext4", Bytes: cmp.Or(f.bytes, 1<<30)}
}

func (f *madeUp) Root() uint64 { return 1 }

func (f *madeUp) Stat(ino uint64) (inside.Attr, error) {
	file := f.files[ino]
	if file == nil {
		return inside.Attr{}, errMadeUp
	}
	return inside.Attr{Mode: file.mode, Nlink: max(file.nlink, 1), Size: int64(len(file.text)),
		UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Mtime: time.Unix(-5, 7),
		Atime: time.Unix(9, 0)}, nil
}

func (f *madeUp) ReadDir(ino uint64, fn func(inside.Dirent) error) error {
	for _, e := range f.files[ino].entries {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (f *madeUp) Readlink(ino uint64) (string, error) { return f.files[ino].text, nil }

func (f *madeUp) Xattrs(ino uint64) ([]inside.Xattr, error) {
	if f.files[ino].failing {
		return nil, errMadeUp
	}
	return f.files[ino].xattrs, nil
}

func (f *madeUp) Open(ino uint64) (inside.File, error) {
	return madeUpContent{strings.NewReader(f.files[ino].text)}, nil
}

type madeUpContent struct{ *strings.Reader }

func (c madeUpContent) NextData(off int64) (begin, end int64, err error) {
	if off >= c.Size() {
		return 0, 0, io.EOF
	}
	return off, c.Size(), nil
}

// node returns a file of it.
func (f *madeUp) node(t *testing.T, steps ...inside.Dirent) *Node {
	t.Helper()
	n, err := (&tree{fs: f, part: &inside.Part{}}).root()
	must(t, err)
	for _, step := range steps {
		n, err = n.child(step.Name, step.Ino)
		must(t, err)
	}
	return n
}

func copyMadeUp(t *testing.T, dest string, o CopyOptions, nodes ...*Node) (Copied, *told) {
	t.Helper()
	l := &told{}
	o.Failed, o.Left = l.failed, l.left
	done, err := Copy(t.Context(), nodes, dest, o)
	must(t, err)
	if left, err := filepath.Glob(filepath.Join(dest, ".restorefs*")); len(left) > 0 || err != nil {
		t.Errorf("temporary files are left: %q (%v)", left, err)
	}
	return done, l
}

func has(t *testing.T, path, want string) {
	t.Helper()
	if data, err := os.ReadFile(path); string(data) != want {
		t.Errorf("%s holds %q (%v), not %q", path, data, err, want)
	}
}

func TestAnotherNameOfAFileIsNeverThatOfAnotherFile(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{
		1:  {mode: typeDir | 0o755},
		2:  {mode: typeDir | 0o755, entries: []inside.Dirent{{Name: "x", Ino: 10}}},
		3:  {mode: typeDir | 0o755, entries: []inside.Dirent{{Name: "x", Ino: 11}}},
		10: {mode: typeRegular | 0o644, nlink: 3, text: "ten"},
		11: {mode: typeRegular | 0o644, text: "eleven"},
	}}
	tree := f.node(t)
	node := func(dir, ino uint64, name string) *Node {
		up, err := tree.child("dir", dir)
		must(t, err)
		n, err := up.child(name, ino)
		must(t, err)
		return n
	}
	dest := t.TempDir()
	// The first copy of 10 is replaced by 11 before 10 gets another name.
	done, l := copyMadeUp(t, dest, CopyOptions{All: true, Replace: true},
		node(2, 10, "x"), node(3, 11, "x"), node(2, 10, "y"), node(2, 10, "z"))
	if done.Failed > 0 {
		t.Error(l)
	}
	has(t, filepath.Join(dest, "x"), "eleven")
	has(t, filepath.Join(dest, "y"), "ten")
	var y, z unix.Stat_t
	must(t, unix.Stat(filepath.Join(dest, "y"), &y))
	must(t, unix.Stat(filepath.Join(dest, "z"), &z))
	if y.Ino != z.Ino {
		t.Error("y and z are two files")
	}
	// A file that is copied twice is there afterwards.
	dest = t.TempDir()
	n := node(2, 10, "x")
	if done, l := copyMadeUp(t, dest, CopyOptions{All: true, Replace: true}, n,
		n); done.Failed > 0 {
		t.Error(l)
	}
	has(t, filepath.Join(dest, "x"), "ten")
}

func TestWhatSomebodyElsePutInPlaceIsNotTouched(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{
		1: {mode: typeDir | 0o755}, 2: {mode: typeFIFO | 0o4777}, 3: {mode: typeFIFO | 0o640}}}
	dest := t.TempDir()
	victim := filepath.Join(dest, "victim")
	write(t, victim, "1")
	must(t, os.Chmod(victim, 0o600))
	must(t, os.Symlink(victim, filepath.Join(dest, "link")))
	must(t, os.Link(victim, filepath.Join(dest, "name")))
	fd, err := openDir(unix.AT_FDCWD, dest, 0)
	must(t, err)
	defer unix.Close(fd)
	c := &copier{o: CopyOptions{All: true}}
	for _, name := range []string{"link", "name"} {
		if made, err := c.pin(f.node(t, inside.Dirent{Name: "pipe", Ino: 2}), fd,
			name); err == nil {
			unix.Close(made)
			t.Errorf("%s is taken for the pipe that was made", name)
		}
	}
	copyMadeUp(t, dest, CopyOptions{All: true}, f.node(t, inside.Dirent{Name: "pipe", Ino: 3}))
	var st unix.Stat_t
	must(t, unix.Lstat(filepath.Join(dest, "pipe"), &st))
	if st.Mode != unix.S_IFIFO|0o640 {
		t.Errorf("the pipe has mode %o", st.Mode)
	}
}

func TestPathsThatAreTooLongAreLeftOut(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{}}
	name := strings.Repeat("n", 255)
	for ino := uint64(1); ino < 3000; ino++ {
		f.files[ino] = &madeUpFile{mode: typeDir | 0o755,
			entries: []inside.Dirent{{Name: name, Ino: ino + 1}}}
	}
	l, found := &told{}, 0
	must(t, Listing{Deep: true, Failed: l.failed, Found: func(n *Node) error {
		found++
		return nil
	}}.List(t.Context(), f.node(t)))
	if found != maxPath/256 || len(l.lines) != 1 || !strings.Contains(l.String(), "longer than") {
		t.Errorf("%d directories, %d problems", found, len(l.lines))
	}
}

func members(t *testing.T, n *Node) (list []string, l *told, data *bytes.Buffer) {
	t.Helper()
	l, data = &told{}, &bytes.Buffer{}
	_, err := Tar(t.Context(), data, []*Node{n}, TarOptions{Failed: l.failed, Left: l.left})
	must(t, err)
	for r := tar.NewReader(bytes.NewReader(data.Bytes())); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list, l, data
		}
		must(t, err)
		list = append(list, string(h.Typeflag)+h.Name)
		if h.Typeflag == tar.TypeReg && h.ModTime.UnixNano() != time.Unix(-5, 7).UnixNano() {
			t.Errorf("%s is of %v", h.Name, h.ModTime)
		}
	}
}

func TestATarGoesOnBehindAFileThatItCannotHave(t *testing.T) {
	big := inside.Xattr{Name: "user.big", Value: make([]byte, 64<<10)}
	f := &madeUp{files: map[uint64]*madeUpFile{
		1: {mode: typeDir | 0o755, entries: []inside.Dirent{
			{Name: "a", Ino: 2}, {Name: "b", Ino: 3}, {Name: "b", Ino: 4}, {Name: "c", Ino: 2},
			{Name: "d", Ino: 5}}},
		2: {mode: typeRegular | 0o644, nlink: 2, text: "two", failing: true},
		3: {mode: typeLink | 0o777, text: "/etc"},
		4: {mode: typeDir | 0o755, entries: []inside.Dirent{{Name: "passwd", Ino: 5}}},
		5: {mode: typeRegular | 0o644, text: "five"},
	}}
	// No member is another name of one that is not there, and none lies behind a link.
	list, l, _ := members(t, f.node(t))
	if got := strings.Join(list, " "); got != "5./ 2b 0d" || len(l.lines) != 3 {
		t.Errorf("%s; %s", got, l)
	}
	f.files[2] = &madeUpFile{mode: typeRegular | 0o644, text: "two"}
	for range 20 {
		f.files[2].xattrs = append(f.files[2].xattrs, big)
	}
	list, l, _ = members(t, f.node(t))
	if got := strings.Join(list, " "); got != "5./ 2b 0d" || len(l.lines) != 3 {
		t.Errorf("%s; %s", got, l)
	}
}

func TestAnAttributeThatIsTooLargeForTheTargetEndsNothing(t *testing.T) {
	big := []inside.Xattr{{Name: "user.big", Value: make([]byte, 60<<10)}}
	f := &madeUp{files: map[uint64]*madeUpFile{
		1: {mode: typeDir | 0o755, entries: []inside.Dirent{{Name: "a", Ino: 2},
			{Name: "b", Ino: 3}}},
		2: {mode: typeRegular | 0o644, text: "two", xattrs: big},
		3: {mode: typeRegular | 0o644, text: "three"},
	}}
	dest := t.TempDir()
	done, l := copyMadeUp(t, dest, CopyOptions{All: true}, f.node(t))
	if done.Failed > 0 || done.Files != 2 {
		t.Errorf("%+v: %s", done, l)
	}
	has(t, filepath.Join(dest, "b"), "three")
	t.Logf("not set: %v", done.Attributes)
}

func TestWhatFilesShareEndsACopy(t *testing.T) {
	f := &madeUp{bytes: 10, files: map[uint64]*madeUpFile{
		1: {mode: typeDir | 0o755, entries: []inside.Dirent{
			{Name: "a", Ino: 2}, {Name: "b", Ino: 2}, {Name: "c", Ino: 3}, {Name: "d", Ino: 4}}},
		2: {mode: typeRegular | 0o644, text: "seven..", nlink: 2},
		3: {mode: typeRegular | 0o644, text: "abc"},
		4: {mode: typeRegular | 0o644, text: "xy"},
	}}
	for _, all := range []bool{true, false} {
		dest, l := t.TempDir(), &told{}
		done, err := Copy(t.Context(), []*Node{f.node(t)}, dest,
			CopyOptions{All: all, Failed: l.failed, Left: l.left})
		if _, ok := errors.AsType[*sharedError](err); !ok || done.Files != 3 {
			t.Errorf("all %v: %+v, %v: %s", all, done, err, l)
		}
		has(t, filepath.Join(dest, "c"), "abc")
	}
	_, err := Tar(t.Context(), io.Discard, []*Node{f.node(t)},
		TarOptions{Failed: (&told{}).failed, Left: (&told{}).left})
	if _, ok := errors.AsType[*sharedError](err); !ok {
		t.Errorf("the tar: %v", err)
	}
}

func TestAnAttributeWithAnEqualsSignIsInATar(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{1: {mode: typeRegular | 0o644, text: "one",
		xattrs: []inside.Xattr{{Name: "user.a=b%", Value: []byte("v")},
			{Name: "user.\x00", Value: nil}}}}}
	var out bytes.Buffer
	l := &told{}
	_, err := Tar(t.Context(), &out, []*Node{f.node(t)}, TarOptions{Failed: l.failed, Left: l.left})
	must(t, err)
	h, err := tar.NewReader(&out).Next()
	must(t, err)
	if h.PAXRecords["SCHILY.xattr.user.a%3Db%25"] != "v" || len(l.lines) != 1 {
		t.Errorf("%q; %s", h.PAXRecords, l)
	}
}
