package swift

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/objects"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
)

const (
	account = "/v1/AUTH_test"
	user    = "test:tester"
	key     = "3f9c2e7d"
)

// server is a small Swift with auth version 1 whose one container has the files of a directory.
type server struct {
	*httptest.Server
	dir    string
	logins atomic.Int32
	wrote  atomic.Int32
	// token counts the tokens: only the last one is good.
	token atomic.Int32
}

func start(t *testing.T, dir string) *server {
	s := &server{dir: dir}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	for _, name := range []string{"OS_AUTH_URL", "OS_CLOUD", "OS_CACERT", "OS_INSECURE", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("ST_AUTH", s.URL+"/auth/v1.0")
	t.Setenv("ST_USER", user)
	t.Setenv("ST_KEY", key)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.wrote.Add(1)
	}
	if r.URL.Path == "/auth/v1.0" {
		if r.Header.Get("X-Auth-User") != user || r.Header.Get("X-Auth-Key") != key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.logins.Add(1)
		w.Header().Set("X-Storage-Url", s.URL+account)
		w.Header().Set("X-Auth-Token", fmt.Sprint("token", s.token.Add(1)))
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, account+"/größe")
	file := filepath.Join(s.dir, filepath.FromSlash(name))
	switch {
	case r.Header.Get("X-Auth-Token") != fmt.Sprint("token", s.token.Load()):
		w.WriteHeader(http.StatusUnauthorized)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case name == "":
		s.list(w, r.URL.Query())
	default:
		st, err := os.Stat(file)
		if err != nil || st.IsDir() {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		f, err := os.Open(file)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		defer f.Close()
		w.Header().Set("Etag", `"`+fakes3.ETag(file)+`"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", ceil(st.ModTime()), f)
	}
}

func ceil(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

func (s *server) list(w http.ResponseWriter, q url.Values) {
	all := map[string]listed{}
	filepath.WalkDir(s.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(s.dir, file)
		name = filepath.ToSlash(name)
		rest, ok := strings.CutPrefix(name, q.Get("prefix"))
		if at := strings.Index(rest, "/"); q.Get("delimiter") != "" && at >= 0 {
			name = q.Get("prefix") + rest[:at+1]
			all[name] = listed{Subdir: name}
			return nil
		}
		st, err := d.Info()
		if ok && err == nil {
			all[name] = listed{Name: name, Hash: fakes3.ETag(file), Bytes: st.Size(),
				Modified: st.ModTime().UTC().Format("2006-01-02T15:04:05.000000")}
		}
		return err
	})
	names := []map[string]any{}
	limit, _ := strconv.Atoi(q.Get("limit"))
	var sorted []string
	for name := range all {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		if name <= q.Get("marker") || len(names) >= min(limit, 3) {
			continue
		}
		if e := all[name]; e.Subdir != "" {
			names = append(names, map[string]any{"subdir": name})
		} else {
			names = append(names, map[string]any{"name": name, "hash": e.Hash, "bytes": e.Bytes, "last_modified": e.Modified})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(names)
}

func openURL(ctx context.Context, url string) (*objects.Share, error) {
	spec, err := Parse(url)
	if err != nil {
		return nil, err
	}
	return Open(ctx, spec, Options{})
}

func TestAContainerIsTheShareThatItsFilesAre(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{
		ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(5<<20, 1), Bucket: true, Zone: "zone/ä b",
		FileSize: 1 << 20, Compression: "none",
	})
	server := start(t, dir)
	s, err := openURL(t.Context(), "swift://größe")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	entries := map[string]int64{}
	for at := "."; at != b.Container; {
		below, _, err := s.ReadDir(t.Context(), at, func(string) bool { return true })
		if err != nil || len(below) != 1 || !below[0].Mode.IsDir() {
			t.Fatalf("%s: %v %v", at, below, err)
		}
		at = path.Join(at, below[0].Name)
	}
	files, _, err := s.ReadDir(t.Context(), b.Container, func(string) bool { return true })
	if err != nil || len(files) != 7 {
		t.Fatalf("%v %v", files, err)
	}
	server.token.Add(1) // the one that is in use expires
	for _, e := range files {
		entries[e.Name] = e.Size
		name := path.Join(b.Container, e.Name)
		f, err := s.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := f.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, want) || !f.ModTime().Equal(e.ModTime) {
			t.Errorf("%s: %v, of %v, listed %v", name, err, f.ModTime(), e.ModTime)
		}
		if st, err := f.Stamp(t.Context()); err != nil || st != e.Stamp {
			t.Errorf("%s: %v, listed %v, %v", name, st, e.Stamp, err)
		}
		f.Close()
	}
	if s.Bucket() != "größe" || server.logins.Load() != 2 || server.wrote.Load() != 0 {
		t.Errorf("%q, %d logins, %d writes", s.Bucket(), server.logins.Load(), server.wrote.Load())
	}
	if _, err := s.Open(t.Context(), "none_metadata"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestWhatIsWrongWithAContainerIsSaidWhenItIsOpened(t *testing.T) {
	server := start(t, t.TempDir())
	for _, c := range []struct{ url, name, value, says string }{
		{"swift://größe", "ST_KEY", key, ""},
		{"swift://other", "ST_KEY", key, "is the container's name right"},
		{"swift://größe", "ST_KEY", "wrong", "log in at " + server.URL + "/auth/v1.0 as " + user},
		{"swift://größe", "ST_AUTH", "", "nothing says how to log in"},
		{"swift://größe?storage=" + server.URL + "/v1/AUTH_other", "ST_KEY", key, "AUTH_other"},
		{"swift://größe?cloud=none", "ST_KEY", key, "clouds.yaml"},
	} {
		was := os.Getenv(c.name)
		t.Setenv(c.name, c.value)
		_, err := openURL(t.Context(), c.url)
		if (c.says == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), key)) {
			t.Errorf("%v: %v", c, err)
		}
		t.Setenv(c.name, was)
	}
	for _, text := range []string{
		"swift://", "swift:///a", "swift://a:b@c", "swift://c?x=1", "swift://c?interface=x", "swift://c?storage=x", "swift://c?insecure=x", "s3://c",
		"swift://c#x", "swift://c?cloud=a&cloud=b",
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestTimesAreRoundedUpAsInAnswers(t *testing.T) {
	for text, want := range map[string]int64{
		"2026-11-28T17:38:56.000000": 1795887536, "2026-11-28T17:38:56.000001": 1795887537, "2026-11-28T17:38:56.999999": 1795887537,
	} {
		if got := roundedUp(text); got.Unix() != want {
			t.Errorf("%s: %v, %d", text, got, got.Unix())
		}
	}
	if !roundedUp("x").IsZero() {
		t.Error("x is no time")
	}
}
