package nfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// forEachVersion runs a test with each version of the protocol.
func forEachVersion(t *testing.T, f func(t *testing.T, s *fakeServer, options string)) {
	for _, v := range testedVersions {
		t.Run(v, func(t *testing.T) { f(t, newFakeServer(t), "version="+v) })
	}
}

var testedVersions = []string{"3", "4.0", "4.1"}

func mustOpen(t testing.TB, url string, o Options) *Share {
	t.Helper()
	spec, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustOpenFile(t testing.TB, s *Share, name string) share.File {
	t.Helper()
	f, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func random(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

func all(string) bool { return true }

func TestFilesAreReadAsTheyAre(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		data := random(3<<20 + 12345)
		server.put("a/b/object", 1, data)
		server.set(func() { server.most = 300 << 10 }) // so that one READ does not give what was asked for
		s := mustOpen(t, server.url(options), Options{})
		f := mustOpenFile(t, s, "a/b/object")
		if f.Size() != int64(len(data)) || f.ModTime().Unix() != 1700000000 {
			t.Errorf("%d bytes of %v", f.Size(), f.ModTime())
		}
		for range 100 {
			off := rand.IntN(len(data))
			p := make([]byte, rand.IntN(1<<20))
			n, err := f.ReadAt(t.Context(), p, int64(off))
			want := data[off:min(len(data), off+len(p))]
			if !bytes.Equal(p[:n], want) || (err == nil) != (n == len(p)) || err != nil && err != io.EOF {
				t.Fatalf("%d of %d bytes at %d: %v", n, len(p), off, err)
			}
		}
		if n, err := f.ReadAt(t.Context(), make([]byte, 10), int64(len(data))+5); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	})
}

func TestAReaderInSequenceIsReadAheadFor(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		data := random(12 << 20)
		server.put("object", 1, data)
		s := mustOpen(t, server.url(options), Options{})
		f := mustOpenFile(t, s, "object")
		var got bytes.Buffer
		p := make([]byte, 100<<10)
		for {
			n, err := f.ReadAt(t.Context(), p, int64(got.Len()))
			got.Write(p[:n])
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got.Bytes(), data) {
			t.Error("other bytes")
		}
		calls := server.count("100003.3.6") + server.count("100003.4.1")
		if calls > len(data)/maxPiece+20 {
			t.Errorf("%d READs for %d bytes", calls, len(data))
		}
	})
}

// Digests tell when a file has changed, but where there is none, a Stamp must.
func TestWhatWasReadAheadOfAnOlderFileIsNotUsed(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		before, after := bytes.Repeat([]byte{1}, 8<<20), bytes.Repeat([]byte{2}, 8<<20)
		node := server.put("object", 1, before)
		s := mustOpen(t, server.url(options), Options{})
		f := mustOpenFile(t, s, "object")
		p := make([]byte, 100<<10)
		for off := range int64(5) {
			if _, err := f.ReadAt(t.Context(), p, off*int64(len(p))); err != nil || p[0] != 1 {
				t.Fatal(err, p[0])
			}
		}
		was, err := f.Stamp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server.set(func() { node.data, node.change = after, 9 })
		now, err := f.Stamp(t.Context())
		if err != nil || now == was {
			t.Fatal("the stamp is the same", err)
		}
		for off := int64(5); off < 70; off++ {
			if _, err := f.ReadAt(t.Context(), p, off*int64(len(p))); err != nil || p[0] != 2 {
				t.Fatalf("block %d: %v, %d", off, err, p[0])
			}
		}
	})
}

func TestADirectoryIsListedWhole(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		for i := range 57 {
			server.put(fmt.Sprintf("d/file%d", i), 1, make([]byte, i)).bare = i%5 == 0
			server.put(fmt.Sprintf("d/dir%d/x", i), 1, nil)
		}
		server.put("d/fifo", 7, nil)
		server.put("d/in", 5, []byte("dir1/../file1"))
		server.put("d/out", 5, []byte("../../elsewhere"))
		server.put("d/root", 5, []byte("/etc"))
		s := mustOpen(t, server.url(options), Options{})
		entries, _, err := s.ReadDir(t.Context(), "d", func(name string) bool {
			return strings.HasPrefix(name, "file") && name != "file3" || name == "fifo"
		})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[fs.FileMode]int{}
		var names []string
		for _, e := range entries {
			kinds[e.Mode]++
			names = append(names, e.Name)
			if e.Err != nil || e.Mode == 0 && fmt.Sprintf("file%d", e.Size) != e.Name {
				t.Errorf("%+v", e)
			}
		}
		if kinds[0] != 56 || kinds[fs.ModeDir] != 57 || kinds[fs.ModeIrregular] != 1 || kinds[fs.ModeSymlink] != 2 {
			t.Error(kinds)
		}
		if !slices.Contains(names, "out") || !slices.Contains(names, "root") || slices.Contains(names, "in") {
			t.Error(names)
		}
		if _, _, err := s.ReadDir(t.Context(), "none", all); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if _, _, err := s.ReadDir(t.Context(), "d/file1", all); err == nil {
			t.Error("a file is listed")
		}
	})
}

// A name that comes while a directory is listed may be missing in the listing, so that the stamp must
// not say that it is in it.
func TestTheStampOfAListingIsFromBeforeIt(t *testing.T) {
	server := newFakeServer(t)
	d := server.put("d", 2, nil)
	server.put("d/file", 1, nil)
	d.mtime = 100
	server.set(func() {
		server.fault = func(what string) fault {
			if what == "100003.3.17" {
				d.mtime = 200
			}
			return fault{}
		}
	})
	s := mustOpen(t, server.url("version=3"), Options{})
	entries, own, err := s.ReadDir(t.Context(), "d", all)
	if err != nil || len(entries) != 1 || own.Modified/1e9 != 100 {
		t.Errorf("%v, %+v, %v", entries, own, err)
	}
}

func TestOnlyRegularFilesBelowTheShareAreOpened(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("dir/file", 1, nil)
		server.put("fifo", 7, nil)
		server.put("link", 5, []byte("dir/file"))
		server.put("linkdir", 5, []byte("dir"))
		s := mustOpen(t, server.url(options), Options{})
		for name, want := range map[string]error{
			"dir": share.ErrNotRegular, "fifo": share.ErrNotRegular, "link": share.ErrNotRegular,
			".": share.ErrNotRegular, "none": fs.ErrNotExist, "dir/none": fs.ErrNotExist,
			"../x": fs.ErrInvalid, "/dir/file": fs.ErrInvalid, "dir/../dir/file": fs.ErrInvalid,
			"dir//file": fs.ErrInvalid, "": fs.ErrInvalid, "dir/fi\x00le": fs.ErrInvalid,
		} {
			if _, err := s.Open(t.Context(), name); !errors.Is(err, want) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if _, err := s.Open(t.Context(), "linkdir/file"); err == nil {
			t.Error("a link to a directory is followed")
		}
	})
}

func TestAReplacedDirectoryIsLookedUpAgain(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("a/b/one", 1, []byte("1"))
		s := mustOpen(t, server.url(options), Options{})
		mustOpenFile(t, s, "a/b/one")
		server.set(func() { delete(server.root.kids, "a") })
		server.put("a/b/two", 1, []byte("22"))
		if f := mustOpenFile(t, s, "a/b/two"); f.Size() != 2 {
			t.Error(f.Size())
		}
	})
}

// Servers in user space may forget their handles when they start.
func TestHandlesThatTheServerForgot(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("a/file", 1, []byte("123"))
		s := mustOpen(t, server.url(options), Options{})
		f := mustOpenFile(t, s, "a/file")
		server.set(func() { server.epoch++ })
		if _, err := f.ReadAt(t.Context(), make([]byte, 1), 0); !errors.Is(err, share.ErrStale) {
			t.Errorf("an old handle: %v", err)
		}
		again := mustOpenFile(t, s, "a/file")
		p := make([]byte, 3)
		if _, err := again.ReadAt(t.Context(), p, 0); err != nil || string(p) != "123" {
			t.Errorf("%q, %v", p, err)
		}
		if next, err := s.Successor(t.Context()); next != nil || err != nil {
			t.Error("the same directory has a successor", err)
		}
	})
}

// Some servers give it to another one when the first is deleted.
func TestAHandleThatIsAnotherFilesNowIsStale(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		node := server.put("object", 1, []byte("123"))
		other := server.put("other", 1, []byte("456"))
		s := mustOpen(t, server.url(options), Options{})
		f := mustOpenFile(t, s, "object")
		server.set(func() { server.nodes[node.id] = other })
		if n, err := f.ReadAt(t.Context(), make([]byte, 3), 0); n != 0 || !errors.Is(err, share.ErrStale) {
			t.Errorf("a read: %d bytes, %v", n, err)
		}
		if _, err := f.Stamp(t.Context()); !errors.Is(err, share.ErrStale) {
			t.Errorf("a stamp: %v", err)
		}
	})
}

func TestAShareThatIsAnotherNowHasASuccessor(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("file", 1, []byte("123"))
		s := mustOpen(t, server.url(options), Options{})
		open := mustOpenFile(t, s, "file")
		server.set(func() { server.root = server.add(2) })
		server.put("file", 1, []byte("12345"))
		next, err := s.Successor(t.Context())
		if next == nil || err != nil {
			t.Fatal(next, err)
		}
		if _, err := open.ReadAt(t.Context(), make([]byte, 3), 0); err != nil {
			t.Errorf("an open file: %v", err)
		}
		s.Become(next)
		if f := mustOpenFile(t, s, "file"); f.Size() != 5 {
			t.Error(f.Size())
		}
		if next, err := s.Successor(t.Context()); next != nil || err != nil {
			t.Error(next, err)
		}
	})
}

func TestAFileThatIsOpenOutlivesItsShare(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("file", 1, []byte("123"))
		s := mustOpen(t, server.url(options), Options{})
		f := mustOpenFile(t, s, "file")
		s.Close()
		if _, err := f.ReadAt(t.Context(), make([]byte, 3), 0); err != nil {
			t.Error(err)
		}
		if _, err := s.Open(t.Context(), "file"); !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
		f.Close()
		if _, err := f.ReadAt(t.Context(), make([]byte, 3), 0); !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
	})
}

// Whoever gives up reuses the memory at once.
func TestNothingIsWrittenWhereAReaderHasGone(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("object", 1, bytes.Repeat([]byte{7}, 4<<20))
		s := mustOpen(t, server.url(options), Options{ReadAhead: -1})
		f := mustOpenFile(t, s, "object")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				p := make([]byte, 1<<20)
				for i := range 40 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(2000))*time.Microsecond)
					_, err := f.ReadAt(ctx, p, int64(i%3)<<20)
					cancel()
					if err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					clear(p)
					if i%10 == 0 {
						time.Sleep(time.Millisecond)
					}
					if bytes.IndexByte(p, 7) >= 0 {
						t.Error("a byte came after the read was given up")
					}
				}
			})
		}
		wg.Wait()
		p := make([]byte, 1<<20)
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil || bytes.Count(p, []byte{7}) != len(p) {
			t.Error(err)
		}
	})
}
