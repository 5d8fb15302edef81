package files

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestATarIsTheSource(t *testing.T) {
	need.Program(t, "tar")
	from := source(t)
	d := disk(t, image(t, from, 16))
	dest := t.TempDir()
	// The file of 4 GiB is left out: a tar has its holes as zeros.
	var nodes []*Node
	for _, path := range []string{"/bin", "/absolute-dir", "/etc", "/links", "/readonly", "/usr",
		"/odd/pipe", "/odd/bad\xff\xfebytes",
		"/odd/new\nline", "/odd/" + strings.Repeat("n", 255)} {
		nodes = append(nodes, at(t, d, path))
	}
	var out bytes.Buffer
	l := &told{}
	done, err := Tar(t.Context(), &out, nodes, TarOptions{Failed: l.failed, Left: l.left})
	must(t, err)
	if len(l.lines) > 0 || done.Failed > 0 {
		t.Errorf("told: %s", l)
	}
	cmd := exec.Command("tar", "-x", "-p", "--xattrs", "--xattrs-include=*", "-C", dest)
	cmd.Stdin = &out
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	got, want := described(t, dest, true), described(t, from, true)
	for _, gone := range []string{`"/odd" `, `"/odd/sparse"`, `"/odd/-dash"`, `"/odd/\x1b`} {
		got, want = withoutLine(got, gone), withoutLine(want, gone)
	}
	if got != want {
		t.Errorf("want\n%s\ngot\n%s", want, got)
	}
}

func TestATarThatCannotBeWrittenEnds(t *testing.T) {
	d := disk(t, image(t, source(t), 16))
	l := &told{}
	if _, err := Tar(t.Context(), &noRoom{}, []*Node{at(t, d, "/etc")},
		TarOptions{Failed: l.failed, Left: l.left}); err == nil ||
		len(l.lines) > 0 {
		t.Errorf("%v, told: %s", err, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Tar(ctx, &bytes.Buffer{}, []*Node{at(t, d, "/etc")},
		TarOptions{Failed: l.failed, Left: l.left}); err == nil {
		t.Error("a tar was made after the end")
	}
}

// noRoom takes no bytes.
type noRoom struct{}

func (*noRoom) Write([]byte) (int, error) { return 0, noSpace("no space") }

type noSpace string

func (e noSpace) Error() string { return string(e) }
