// Package fakes3 is, for tests, a small server of S3 that goes wrong as it is told: the files of a
// directory are the keys of its one bucket, and only what reads is understood. It checks no
// signature, and refuses requests of another access key than its own.
package fakes3

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bucket, Access and Secret are how the server is reached.
const (
	Bucket = "volumebackups"
	Access = "access"
	Secret = "3f9c2e7d"
)

// Server is a running server. Its fields may be changed while no request is under way.
type Server struct {
	*httptest.Server
	Dir string
	// Page is how many keys a page has at most.
	Page int
	// Open says that requests without credentials are served.
	Open bool
	// Fault is asked before each request is served, nil: all go well. It returns whether it has
	// answered.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string
	etags    map[string]string // by path, size and time
}

// New starts a server of the files below dir, which ends with the test.
func New(t testing.TB, dir string) *Server {
	s := &Server{Dir: dir, Page: 1000, etags: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Share returns the share that is the bucket, with more parameters as in a query.
func (s *Server) Share(query ...string) string {
	return "s3://" + Bucket + "?endpoint=" + url.QueryEscape(s.URL) +
		strings.Join(append([]string{""}, query...), "&")
}

// Requests returns the requests so far that begin with a method, and forgets them all.
func (s *Server) Requests(method string) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasPrefix(r, method) {
			all = append(all, r)
		}
	}
	s.requests = nil
	return all
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.String())
	s.mu.Unlock()
	if s.Fault != nil && s.Fault(w, r) {
		return
	}
	signed := strings.Contains(r.Header.Get("Authorization"), "Credential="+Access+"/")
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	case !signed && !s.Open:
		refuse(w, http.StatusForbidden, "AccessDenied")
	case bucket != Bucket:
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case key == "":
		s.list(w, r.URL.Query())
	default:
		s.object(w, r, key)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>as the test wants it</Message></Error>", code)
}

// ETag is that of a file.
func ETag(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := md5.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// etag is ETag, remembered.
func (s *Server) etag(path string, st fs.FileInfo) string {
	key := fmt.Sprint(path, st.Size(), st.ModTime())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.etags[key] == "" {
		s.etags[key] = ETag(path)
	}
	return s.etags[key]
}

func (s *Server) object(w http.ResponseWriter, r *http.Request, key string) {
	path := filepath.Join(s.Dir, filepath.FromSlash(key))
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	f, err := os.Open(path)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	defer f.Close()
	w.Header().Set("ETag", `"`+s.etag(path, st)+`"`)
	w.Header().Set("Content-Type", "binary/octet-stream")
	http.ServeContent(w, r, "", st.ModTime(), f)
}

type result struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	EncodingType          string
	Contents              []content
	CommonPrefixes        []prefix
}

type content struct {
	Key, ETag    string
	LastModified time.Time
	Size         int64
}

type prefix struct{ Prefix string }

func (s *Server) list(w http.ResponseWriter, q url.Values) {
	all := map[string]content{}
	delimiter, start := q.Get("delimiter"), q.Get("prefix")
	filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, _ := filepath.Rel(s.Dir, path)
		key = filepath.ToSlash(key)
		rest, ok := strings.CutPrefix(key, start)
		if !ok {
			return nil
		}
		if at := strings.Index(rest, delimiter); delimiter != "" && at >= 0 {
			all[start+rest[:at+1]] = content{}
			return nil
		}
		st, err := d.Info()
		if err == nil {
			all[key] = content{key, `"` + s.etag(path, st) + `"`, st.ModTime().UTC(), st.Size()}
		}
		return err
	})
	var keys []string
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	from, _ := strconv.Atoi(q.Get("continuation-token"))
	size := s.Page
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		size = min(size, n)
	}
	page := keys[min(from, len(keys)):min(from+size, len(keys))]
	out := result{EncodingType: "url"}
	if from+size < len(keys) {
		out.IsTruncated, out.NextContinuationToken = true, strconv.Itoa(from+size)
	}
	for _, key := range page {
		if c := all[key]; c.Key != "" {
			c.Key = url.QueryEscape(key)
			out.Contents = append(out.Contents, c)
		} else {
			out.CommonPrefixes = append(out.CommonPrefixes, prefix{url.QueryEscape(key)})
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(out)
}
