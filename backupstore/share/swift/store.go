package swift

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/objects"
)

// Options are how to be with a store.
type Options struct {
	Policy share.Policy
	Logger *slog.Logger // nil: nothing is logged
	// MemoryBytes is as in objects.Options.
	MemoryBytes int64
}

// Open opens the share at spec. It logs in and asks for one name, so that what is wrong with the
// container or the credentials is an error here. It returns when ctx ends.
func Open(ctx context.Context, spec Spec, o Options) (*objects.Share, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	of, err := entryOf(spec)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	spec.Insecure = spec.Insecure || os.Getenv("OS_INSECURE") == "true"
	how := objects.TransportOptions{
		Policy: o.Policy, CA: cmp.Or(spec.CA, os.Getenv("OS_CACERT")), Insecure: spec.Insecure,
		Login: isLogin,
	}
	if of != nil {
		how.TLS = of.tls
		spec.Insecure = spec.Insecure || of.tls.InsecureSkipVerify
	}
	transport, err := objects.NewTransport(how)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	call := share.NewOutage(spec.String(), o.Logger).Begin()
	defer call.End()
	s := &store{spec: spec, transport: transport, policy: o.Policy}
	s.account, err = logIn(ctx, spec, of, transport)
	if err == nil {
		_, err = s.page(ctx, url.Values{"limit": {"1"}})
	}
	if err != nil {
		transport.CloseIdleConnections()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	prefix := spec.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return objects.New(s, objects.Options{
		Prefix: prefix, Bucket: spec.Container, Policy: o.Policy, Logger: o.Logger,
		MemoryBytes: o.MemoryBytes,
	}), nil
}

// store implements objects.Store.
type store struct {
	spec      Spec
	transport *objects.Transport
	policy    share.Policy
	account   *gophercloud.ServiceClient
}

// String implements objects.Store.
func (s *store) String() string { return s.spec.String() }

// Close implements objects.Store.
func (s *store) Close() { s.transport.CloseIdleConnections() }

// pageNames is how many names are asked for at once.
const pageNames = 2000

// listed is an entry of a listing.
type listed struct {
	Name     string `json:"name"`
	Subdir   string `json:"subdir"`
	Hash     string `json:"hash"`
	Bytes    int64  `json:"bytes"`
	Modified string `json:"last_modified"`
}

// List implements objects.Store.
func (s *store) List(ctx context.Context, prefix string, delimited bool,
	each func(objects.Info) error) error {
	q := url.Values{"prefix": {prefix}, "limit": {strconv.Itoa(pageNames)}}
	if delimited {
		q.Set("delimiter", "/")
	}
	for {
		names, err := s.page(ctx, q)
		if err != nil || len(names) == 0 {
			return err
		}
		last := ""
		for _, n := range names {
			last = cmp.Or(n.Name, n.Subdir)
			info := objects.Info{Key: last, Size: n.Bytes, ETag: n.Hash,
				Modified: roundedUp(n.Modified)}
			if n.Subdir == "" && n.Bytes == 0 { // perhaps of parts, which have some
				if info, err = s.Head(ctx, n.Name); errors.Is(err, os.ErrNotExist) {
					continue
				} else if err != nil {
					return err
				}
			}
			if err := each(info); err != nil {
				return err
			}
		}
		if last <= q.Get("marker") {
			return fmt.Errorf("list %s: the server begins again with %q", prefix, last)
		}
		q.Set("marker", last)
	}
}

// page asks for one page of names, again if that is cut.
func (s *store) page(ctx context.Context, q url.Values) (names []listed, err error) {
	q.Set("format", "json")
	limit, _ := strconv.Atoi(q.Get("limit"))
	err = s.policy.Again(ctx, func() (again bool, err error) {
		resp, err := s.do(ctx, "list", http.MethodGet, "", "?"+q.Encode(), nil)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusNoContent {
			return false, nil
		}
		body := told{of: resp.Body}
		if names, err = decodeNames(&body, limit); err != nil {
			err = fmt.Errorf("list %s: %w", s.spec.Container, err)
		}
		return err != nil && objects.IsCut(ctx, body.err), err
	})
	return names, err
}

// told is a reader that keeps how it has failed.
type told struct {
	of  io.Reader
	err error
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.of.Read(p)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

var (
	errNoList  = errors.New("the server's answer is no list of names")
	errTooMany = errors.New("the server lists more names than it was asked for")
)

// decodeNames reads a page of at most limit names, one at a time.
func decodeNames(r io.Reader, limit int) (names []listed, err error) {
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoList, err)
	} else if t != json.Delim('[') {
		return nil, errNoList
	}
	for d.More() {
		if len(names) == limit {
			return nil, errTooMany
		}
		var n listed
		if err := d.Decode(&n); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	_, err = d.Token()
	return names, err
}

// roundedUp is the time of a listing as the header Last-Modified has it.
func roundedUp(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.999999", text)
	if err != nil {
		return time.Time{}
	}
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}

// Head implements objects.Store.
func (s *store) Head(ctx context.Context, key string) (objects.Info, error) {
	resp, err := s.do(ctx, "look at", http.MethodHead, key, "", nil)
	if err != nil {
		return objects.Info{}, err
	}
	resp.Body.Close()
	info := objects.Info{Key: key, Size: resp.ContentLength,
		ETag: strings.Trim(resp.Header.Get("Etag"), `"`)}
	info.Modified, _ = http.ParseTime(resp.Header.Get("Last-Modified"))
	return info, nil
}

// Get implements objects.Store.
func (s *store) Get(ctx context.Context, key string, part objects.Part) (objects.Answer, error) {
	headers := map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", part.Off,
		part.Off+part.Len-1)}
	if part.ETag != "" {
		headers["If-Match"] = `"` + part.ETag + `"`
	}
	resp, err := s.do(ctx, "read", http.MethodGet, key, "", headers)
	if err != nil {
		return objects.Answer{}, err
	}
	return objects.Answer{Body: resp.Body, Header: resp.Header}, nil
}

// do sends a request for an object, or with no key for the container. It logs in again if the token
// is no longer good.
func (s *store) do(ctx context.Context, op, method, key, query string,
	headers map[string]string) (*http.Response, error) {
	at := strings.TrimSuffix(s.account.Endpoint, "/") + "/" + url.PathEscape(s.spec.Container)
	if key != "" {
		at += "/" + url.PathEscape(key)
	}
	resp, err := s.account.Request(ctx, method, at+query, &gophercloud.RequestOpts{
		MoreHeaders: headers, KeepResponseBody: true,
		OkCodes: []int{http.StatusOK, http.StatusNoContent, http.StatusPartialContent},
	})
	if err == nil {
		return resp, nil
	}
	name := cmp.Or(key, s.spec.Container)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	said, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	if !ok {
		return nil, &objects.Error{Op: op, Name: name, Err: err}
	}
	e := &objects.Error{Op: op, Name: name, Status: said.Actual}
	switch {
	case isRedirect(said.Actual):
		e.Help = redirected
	case said.Actual == http.StatusForbidden || said.Actual == http.StatusUnauthorized:
		e.Help = "the account that restorefs logged in to must be the one that has the " +
			"container, or the container must let this user list and read"
	case said.Actual == http.StatusNotFound && op == "list":
		e.Help = "is the container's name right, and is it in this account (" +
			s.account.Endpoint + ")?"
	}
	return nil, e
}
