package fusefs

import (
	"bytes"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// One disk must not end the process that serves all.
func TestAFaultInsideADiskIsAnErrorOfThatDisk(t *testing.T) {
	var log bytes.Buffer
	g := newGuests(&tree{log: slog.New(slog.NewTextHandler(&log, nil))}, FilesOptions{})
	defer g.close()
	d := &guestDisk{key: tableKey{id: "the backup"}, parts: map[string]*lazy[inside.FS]{"p1": {}}}
	var none []int
	err := g.guarded(d, func() error { return map[bool]error{}[none[0] == 0] })
	if err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(log.String(), "the backup") || !strings.Contains(log.String(), "guests_test.go") {
		t.Errorf("the log does not say where: %s", &log)
	}
	if len(d.parts) != 0 {
		t.Error("what the fault left locked is used again")
	}
	if err := g.guarded(d, func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestWhoWaitsForWhatFailsByAFaultGoesOn(t *testing.T) {
	var l lazy[int]
	var wait sync.WaitGroup
	begun := make(chan bool)
	wait.Go(func() {
		defer func() {
			if recover() == nil {
				t.Error("the fault was swallowed")
			}
		}()
		_, _ = l.get(func() (int, error) { close(begun); panic("fault") })
	})
	<-begun
	if v, err := l.get(func() (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Error(v, err)
	}
	wait.Wait()
}

func TestNoMoreFileSystemsAreOpenThanFour(t *testing.T) {
	g := newGuests(&tree{}, FilesOptions{})
	defer g.close()
	var disks []*guestDisk
	for range 2 {
		disks = append(disks, &guestDisk{parts: map[string]*lazy[inside.FS]{},
			handles: map[*guestHandle]bool{}})
	}
	h := &guestHandle{n: &guestNode{part: "0"}}
	h.last.Store(&openedFile{disk: disks[0]})
	disks[0].handles[h] = true
	zero, one := g.part(disks[0], "0"), g.part(disks[1], "1")
	for i := range 100 {
		g.part(disks[i%2], strconv.Itoa(i))
		if g.part(disks[1], "1") != one {
			t.Fatal("the one that is used was given up")
		}
	}
	if n := len(disks[0].parts) + len(disks[1].parts); n != maxGuestFS ||
		len(g.order) != n || g.part(disks[0], "0") == zero {
		t.Errorf("%d file systems are open", n)
	}
	if h.last.Load() != nil {
		t.Error("an open file keeps a file system that was given up")
	}
	g.giveUp(disks[1])
	if len(disks[1].parts) > 0 || slices.ContainsFunc(g.order,
		func(p guestPart) bool { return p.disk == disks[1] }) {
		t.Error("a disk that was closed keeps file systems")
	}
}

func TestAHandleKeepsAFileOnlyWhileItAndTheFileSystemAreOpen(t *testing.T) {
	g := newGuests(&tree{}, FilesOptions{})
	defer g.close()
	d := &guestDisk{parts: map[string]*lazy[inside.FS]{}, handles: map[*guestHandle]bool{}}
	fs := inside.FS(&emptyFS{})
	opened := func() *openedFile {
		if _, err := g.part(d, "p1").get(func() (inside.FS, error) { return fs, nil }); err != nil {
			t.Fatal(err)
		}
		return &openedFile{fs: fs, disk: d}
	}
	handle := func() *guestHandle {
		return &guestHandle{n: &guestNode{node: node{t: &tree{guests: g}}, part: "p1"}}
	}
	keeps := func(h *guestHandle, want bool, when string) {
		t.Helper()
		if got := h.last.Load() != nil; got != want || d.handles[h] != want {
			t.Errorf("%s: it keeps a file: %v, and is noted: %v", when, got, d.handles[h])
		}
	}
	h := handle()
	g.hold(h, opened())
	keeps(h, true, "an open one")
	g.giveUpPart(guestPart{d, "p1"})
	keeps(h, false, "after the file system was given up")
	g.hold(h, &openedFile{fs: fs, disk: d})
	keeps(h, false, "a call that began before that")
	g.hold(h, opened())
	keeps(h, true, "opened anew")
	h.Release(t.Context())
	keeps(h, false, "after its release")
	g.hold(h, opened())
	keeps(h, false, "a call that goes on behind its release")
	h = handle()
	g.hold(h, opened())
	g.open = append(g.open, d)
	g.close()
	keeps(h, false, "after the end of the mount")
}

// emptyFS is a file system that is only compared.
type emptyFS struct{ inside.FS }
