package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// proxied is a proxy in front of the real store that spoils answers to GETs of objects.
type proxied struct {
	*httptest.Server
	// spoil changes an answer, while left is above 0. An error closes the connection.
	spoil func(*http.Response) error
	left  atomic.Int32
}

// proxy returns one. Requests reach the store as they were signed.
func (s *realStore) proxy(t *testing.T) *proxied {
	t.Helper()
	at, err := url.Parse(s.at(""))
	if err != nil {
		t.Fatal(err)
	}
	p := new(proxied)
	p.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = at.Scheme, at.Host, r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodGet || !strings.HasSuffix(r.Request.URL.Path, "-00001") ||
				p.left.Add(-1) < 0 {
				return nil
			}
			return p.spoil(r)
		},
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		FlushInterval: -1,
	})
	t.Cleanup(p.Close)
	return p
}

// open opens the first bucket by a way, at a server.
func (s *realStore) open(t *testing.T, way, at string, patience time.Duration) share.Share {
	t.Helper()
	found, err := locate.Open(t.Context(), locate.Options{Share: s.shares(way, at)[1],
		Policy: share.Policy{Timeout: patience}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { found.Root.Close() })
	return found.Root
}

// object puts an object into the first bucket that takes several requests to read.
func (s *realStore) object(t *testing.T) (name string, text []byte) {
	t.Helper()
	text = make([]byte, 2<<20+1000)
	if _, err := storetest.Random(int64(len(text)), 7).ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	name = "faults/ä +%-00001"
	s.put(t, name, text)
	return name, text
}

// replace puts another body and status into an answer.
func replace(r *http.Response, status int, body []byte) {
	r.Body.Close()
	r.StatusCode, r.Body, r.ContentLength = status, io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// trickle is a body that comes in small pieces.
type trickle struct{ io.ReadCloser }

func (s trickle) Read(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return s.ReadCloser.Read(p[:min(len(p), 8<<10)])
}

func TestFaultsBeforeARealStoreGiveRightBytesOrAnError(t *testing.T) {
	s := needStore(t)
	name, text := s.object(t)
	for _, way := range []string{"s3", "swift"} {
		p := s.proxy(t)
		root := s.open(t, way, p.URL, 0)
		for what, c := range map[string]struct {
			spoil func(*http.Response) error
			says  string // "": right bytes
			stale bool
		}{
			"nothing is wrong": {func(*http.Response) error { return nil }, "", false},
			"it is cut": {func(r *http.Response) error {
				r.Body = io.NopCloser(io.LimitReader(r.Body, 1000))
				return nil
			}, "", false},
			"it is slow":               {func(r *http.Response) error { r.Body = trickle{r.Body}; return nil }, "", false},
			"the connection is closed": {func(*http.Response) error { return errors.New("closed") }, "", false},
			"the server is busy":       {func(r *http.Response) error { replace(r, 503, nil); return nil }, "", false},
			"it is another range": {func(r *http.Response) error {
				r.Header.Set("Content-Range", fmt.Sprintf("bytes 1-%d/%d", 1<<20, len(text)))
				replace(r, 206, text[1:1<<20+1])
				return nil
			}, "answers a range", false},
			"it is all of the object, for a part of it": {func(r *http.Response) error {
				r.Header.Del("Content-Range")
				replace(r, 200, text)
				return nil
			}, "answers a range", false},
			"its ETag is another one": {func(r *http.Response) error {
				r.Header.Set("ETag", `"00000000000000000000000000000000"`)
				return nil
			}, "written anew", true},
			"a cache has forgotten its ETag": {func(r *http.Response) error { r.Header.Del("ETag"); return nil }, "written anew", true},
			"If-Match has failed":            {func(r *http.Response) error { replace(r, 412, nil); return nil }, "412", true},
			"it is gone":                     {func(r *http.Response) error { replace(r, 404, nil); return nil }, "404", false},
			"it may not be read any more":    {func(r *http.Response) error { replace(r, 403, nil); return nil }, "403", false},
		} {
			f, err := root.Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			p.spoil = c.spoil
			p.left.Store(1)
			got := make([]byte, len(text)-100)
			_, err = f.ReadAt(t.Context(), got, 100)
			if left := p.left.Swap(0); left > 0 {
				t.Errorf("%s: %s: nothing was asked for", way, what)
			}
			if c.says == "" && (err != nil || !bytes.Equal(got, text[100:])) ||
				c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, share.ErrStale) != c.stale) {
				t.Errorf("%s: %s: %v, or other bytes", way, what, err)
			}
			if _, err := f.ReadAt(t.Context(), got, 100); err != nil || !bytes.Equal(got, text[100:]) {
				t.Errorf("%s: %s: the next one: %v", way, what, err)
			}
			f.Close()
		}
	}
}

// TestAnObjectThatIsWrittenAnewInARealStore is not mixed with the one that was opened.
func TestAnObjectThatIsWrittenAnewInARealStore(t *testing.T) {
	s := needStore(t)
	for _, way := range []string{"s3", "swift"} {
		name, text := s.object(t)
		root := s.open(t, way, s.at(""), 0)
		f, err := root.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s.put(t, name, append(text[1:len(text):len(text)], 'x'))
		if _, err := f.ReadAt(t.Context(), make([]byte, 100), 5000); !errors.Is(err, share.ErrStale) {
			t.Errorf("%s: %v", way, err)
		}
		s.put(t, name, nil) // DELETE
		if _, err := root.Open(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: one that is gone: %v", way, err)
		}
	}
}

// put writes an object into the first bucket by Swift's protocol, or deletes it if it has no bytes.
func (s *realStore) put(t *testing.T, name string, text []byte) {
	t.Helper()
	do := func(method, at string, body []byte, header http.Header) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), method, at, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		resp, err := http.DefaultClient.Do(r)
		if err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("%s %s: %v %+v", method, at, err, resp)
		}
		resp.Body.Close()
		return resp.Header
	}
	login := do("GET", s.at("/auth/v1.0"), nil, http.Header{"X-Auth-User": {swiftUser}, "X-Auth-Key": {swiftKey}})
	method := "PUT"
	if text == nil {
		method = "DELETE"
	}
	do(method, s.at("/v1/AUTH_test/volumebackups/")+url.PathEscape(name), text, http.Header{"X-Auth-Token": login["X-Auth-Token"]})
}

// TestARealStoreThatHangsOrIsKilledIsWaitedFor has it stopped, killed and started anew during reads.
func TestARealStoreThatHangsOrIsKilledIsWaitedFor(t *testing.T) {
	s := needStore(t)
	name, text := s.object(t)
	for _, way := range []string{"s3", "swift"} {
		impatient, patient := s.open(t, way, s.at(""), 2*time.Second), s.open(t, way, s.at(""), time.Minute)
		// Each of these reads asks the server: what was read is forgotten with its file.
		read := func(f share.File) error {
			defer f.Close()
			got := make([]byte, len(text))
			_, err := f.ReadAt(context.WithoutCancel(t.Context()), got, 0)
			if err == nil && !bytes.Equal(got, text) {
				t.Errorf("%s: wrong bytes", way)
			}
			return err
		}
		opened := func(root share.Share) share.File {
			f, err := root.Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		waits := func(f share.File) <-chan error {
			done := make(chan error, 1)
			go func() { done <- read(f) }()
			select {
			case err := <-done:
				t.Errorf("%s: a patient reader does not wait: %v", way, err)
				done <- err
			case <-time.After(500 * time.Millisecond):
			}
			return done
		}
		a, b := opened(impatient), opened(patient)
		s.signal(t, syscall.SIGSTOP)
		if err := read(a); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: a server that hangs: %v", way, err)
		}
		waiting := waits(b)
		s.signal(t, syscall.SIGCONT)
		if err := <-waiting; err != nil {
			t.Errorf("%s: a server that hung: %v", way, err)
		}
		if way == "s3" {
			continue // below, a server that was killed has forgotten who logged in, too
		}
		a, b = opened(impatient), opened(patient)
		s.service.stop()
		if err := read(a); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: a server that is killed: %v", way, err)
		}
		waiting = waits(b)
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		if err := <-waiting; err != nil {
			t.Errorf("%s: a server that was started anew: %v", way, err)
		}
		if err := read(opened(impatient)); err != nil {
			t.Errorf("%s: the impatient one, afterwards: %v", way, err)
		}
	}
}
