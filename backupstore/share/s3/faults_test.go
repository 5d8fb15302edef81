package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
)

// fault returns one that spoils the first answers to requests for objects, and counts them.
func fault(times int, spoil func(w http.ResponseWriter, r *http.Request) bool) (func(http.ResponseWriter, *http.Request) bool, *int) {
	n := new(int)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "-00001") || r.Method != http.MethodGet || *n >= times {
			return false
		}
		*n++
		return spoil(w, r)
	}, n
}

func TestABadAnswerIsAnErrorOrAskedForAgain(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	b := chain(t, dir)[0]
	name := path.Join(b.Container, b.Prefix+"-00001")
	file := b.Path("-00001")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = 100, 100 + 1<<20 // what is asked for
	answer := func(w http.ResponseWriter, from, to, total int, etag string, body []byte) {
		st, err := os.Stat(file)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("ETag", `"`+etag+`"`)
		w.Header().Set("Last-Modified", st.ModTime().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, total))
		w.Header().Set("Content-Length", strconv.Itoa(to-from))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(body)
	}
	etag := fakes3.ETag(file)
	for what, c := range map[string]struct {
		spoil func(w http.ResponseWriter, r *http.Request) bool
		says  string // "": it is asked for again
	}{
		"nothing is wrong": {func(http.ResponseWriter, *http.Request) bool { return false }, ""},
		"it is cut": {func(w http.ResponseWriter, r *http.Request) bool {
			answer(w, from, to, len(text), etag, text[from:to/2])
			panic(http.ErrAbortHandler)
		}, ""},
		"the server is busy": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, ""},
		"it wants to be left alone": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, ""},
		"the connection is closed": {func(w http.ResponseWriter, r *http.Request) bool { panic(http.ErrAbortHandler) }, ""},
		"it is another range": {func(w http.ResponseWriter, r *http.Request) bool {
			answer(w, 0, to-from, len(text), etag, text[:to-from])
			return true
		}, "answers a range"},
		"it is a longer range": {func(w http.ResponseWriter, r *http.Request) bool {
			answer(w, from, to+1, len(text), etag, text[from:to+1])
			return true
		}, "answers a range"},
		"it is all of the object": {func(w http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("Range")
			return false
		}, "answers a range"},
		"it is another object": {func(w http.ResponseWriter, r *http.Request) bool {
			answer(w, from, to, len(text), "0123", text[from:to])
			return true
		}, "written anew"},
		"it has no ETag": {func(w http.ResponseWriter, r *http.Request) bool {
			answer(w, from, to, len(text), "", text[from:to])
			return true
		}, "written anew"},
		"it has another length": {func(w http.ResponseWriter, r *http.Request) bool {
			answer(w, from, to, len(text)+1, etag, text[from:to])
			return true
		}, "written anew"},
		"the server has another one": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusPreconditionFailed)
			return true
		}, "PreconditionFailed"},
		"it is gone": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusNotFound)
			return true
		}, "NoSuchKey"},
	} {
		server := fakes3.New(t, dir)
		f, err := opened(t, server.Share(), Options{}).Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var n *int
		server.Fault, n = fault(1, c.spoil)
		p := make([]byte, 1000)
		// so large that it is asked for by itself
		large := make([]byte, len(text)-100)
		_, err = f.ReadAt(t.Context(), p, 100)
		if c.says == "" && (err != nil || !bytes.Equal(p, text[100:1100])) || *n != 1 && what != "nothing is wrong" {
			t.Errorf("%s: %v after %d faults", what, err, *n)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", what, err)
		}
		stale := strings.Contains(c.says, "anew") || strings.Contains(c.says, "Precondition")
		if errors.Is(err, share.ErrStale) != stale || errors.Is(err, fs.ErrNotExist) != (what == "it is gone") {
			t.Errorf("%s: %v is the wrong kind of error", what, err)
		}
		if _, err := f.ReadAt(t.Context(), large, 100); err != nil {
			t.Errorf("%s: the next one: %v", what, err)
		}
		f.Close()
	}
}

func TestAnObjectThatIsWrittenAnewIsNotMixedWithTheOldOne(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	b := chain(t, dir)[0]
	server := fakes3.New(t, dir)
	s := opened(t, server.Share(), Options{})
	name := path.Join(b.Container, b.Prefix+"-00001")
	f, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before, err := f.Stamp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.Path("-00001"), make([]byte, f.Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, share.ErrStale) {
		t.Error(err)
	}
	if after, err := f.Stamp(t.Context()); err != nil || after == before {
		t.Errorf("%v %v", after, err)
	}
	again, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.ReadAt(t.Context(), make([]byte, 10), 0); err != nil {
		t.Error(err)
	}
}

func TestAListWithoutEndEnds(t *testing.T) {
	credentialed(t)
	server := fakes3.New(t, t.TempDir())
	s := opened(t, server.Share(), Options{})
	server.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>")
		return true
	}
	if _, _, err := s.ReadDir(t.Context(), "volume_x", func(string) bool { return true }); err == nil ||
		!strings.Contains(err.Error(), "adds nothing") {
		t.Error(err)
	}
	server.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		for range 20 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		return true
	}
	if _, _, err := s.ReadDir(t.Context(), "volume_x", func(string) bool { return true }); err == nil {
		t.Error("20 MiB of a list are taken")
	}
}

func TestNamesThatAreNoPathsArePassedOver(t *testing.T) {
	credentialed(t)
	server := fakes3.New(t, t.TempDir())
	var said bytes.Buffer
	s := opened(t, server.Share(), Options{Logger: slog.New(slog.NewTextHandler(&said, nil))})
	server.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, "<ListBucketResult>")
		for _, key := range []string{"volume_x/../../etc/passwd", "volume_x//a", "volume_x/ok", "volume_x/./b", "volume_x/", "volume_x/d/"} {
			fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>1</Size></Contents>", key)
		}
		fmt.Fprint(w, "</ListBucketResult>")
		return true
	}
	entries, _, err := s.ReadDir(t.Context(), "volume_x", func(string) bool { return true })
	if err != nil || len(entries) != 1 || entries[0].Name != "ok" || strings.Count(said.String(), "no paths") != 1 {
		t.Errorf("%v %v %s", entries, err, said.String())
	}
	for _, name := range []string{"../x", "/x", "a/../b", ""} {
		if _, err := s.Open(t.Context(), name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAServerThatHangsIsLeftWhenTheContextEnds(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	b := chain(t, dir)[0]
	server := fakes3.New(t, dir)
	s := opened(t, server.Share(), Options{})
	f, err := s.Open(t.Context(), path.Join(b.Container, b.Prefix+"-00001"))
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	server.Fault = func(http.ResponseWriter, *http.Request) bool { <-free; return false }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.ReadAt(ctx, make([]byte, 10), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, _, err := s.ReadDir(ctx, "volume_x", func(string) bool { return true }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	f.Close()
	close(free)
}
