package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/objects"
)

// maxPage is how many names a page of a list has at most; no request asks for more.
const maxPage = 1000

var (
	errNoList  = errors.New("the server's answer is no list of a bucket's names")
	errTooMany = errors.New("the server lists more names than it was asked for")
)

// listing is a list that is under way. Its pages are read here and not by the client, whose way
// with XML takes most of the time of a look at a bucket, and which takes any XML for a list.
type listing struct {
	bucket, prefix string
	each           func(objects.Info) error
	ended          error // what is wrong with a page, or what each has returned
	pages          int   // that have been read
}

type listingKey struct{}

// pages reads the pages of the listings that requests are for, and gives the client what it needs
// to ask for the next one.
type pages struct {
	http.RoundTripper
	policy  share.Policy
	buffers *sync.Pool
}

func newPages(of http.RoundTripper, policy share.Policy) pages {
	return pages{of, policy, &sync.Pool{New: func() any { return new(bytes.Buffer) }}}
}

// RoundTrip implements http.RoundTripper.
func (p pages) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	l, _ := r.Context().Value(listingKey{}).(*listing)
	if l == nil || r.URL.Query().Get("list-type") != "2" {
		return p.RoundTripper.RoundTrip(r)
	}
	text := p.buffers.Get().(*bytes.Buffer)
	defer p.buffers.Put(text)
	err = p.policy.Again(r.Context(), func() (again bool, err error) {
		if resp, err = p.RoundTripper.RoundTrip(r); err != nil || resp.StatusCode != http.StatusOK {
			return false, err
		}
		defer resp.Body.Close()
		text.Reset()
		_, err = text.ReadFrom(resp.Body)
		return objects.IsCut(r.Context(), err), err
	})
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	rest, err := l.take(r.Context(), text.Bytes())
	if err != nil {
		l.ended = err
		return nil, err
	}
	l.pages++
	resp.Body = io.NopCloser(strings.NewReader(rest))
	resp.ContentLength = int64(len(rest))
	return resp, nil
}

// take gives the names of a page to each, and returns the page without them.
func (l *listing) take(ctx context.Context, text []byte) (rest string, err error) {
	found, err := parsePage(text)
	if err == nil {
		err = found.isOf(l)
	}
	if err != nil {
		return "", err
	}
	for _, name := range found.names {
		if err := l.each(name); err != nil {
			return "", err
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var out strings.Builder
	fmt.Fprintf(&out, "<ListBucketResult><IsTruncated>%v</IsTruncated><NextContinuationToken>",
		found.more)
	for _, c := range found.token { // it may be special, or a name in any script
		fmt.Fprintf(&out, "&#%d;", c)
	}
	out.WriteString("</NextContinuationToken></ListBucketResult>")
	return out.String(), nil
}

// page is a page of a list of names.
type page struct {
	bucket, prefix string // it says; "": it does not
	names          []objects.Info
	more           bool
	token          string // for the next page
}

// aliases are what the names end with that Amazon gives to access points: of a bucket, of one on
// Outposts, of Object Lambda.
var aliases = [...]string{"-s3alias", "--op-s3", "--ol-s3"}

// isOf refuses a page that says itself that it is of another list than was asked for: of a server
// that took the wrong one, or of a cache. A bucket may be asked for by the name of an access point.
func (p page) isOf(l *listing) error {
	access := strings.HasPrefix(l.bucket, "arn:") || slices.ContainsFunc(aliases[:],
		func(end string) bool { return strings.HasSuffix(l.bucket, end) })
	switch unescaped, err := url.QueryUnescape(p.prefix); {
	case p.bucket != "" && p.bucket != l.bucket && !access:
		return fmt.Errorf("the server's answer is a list of bucket %q, and that of %q was asked "+
			"for: a cache before it, or its own name, may be the reason", p.bucket, l.bucket)
	case p.prefix != "" && p.prefix != l.prefix && (err != nil || unescaped != l.prefix):
		return fmt.Errorf("the server's answer is a list of what begins with %q, and that of %q "+
			"was asked for: a cache before it may be the reason", p.prefix, l.prefix)
	}
	return nil
}

// parsePage reads a page. Elements that it does not know are passed over.
func parsePage(text []byte) (p page, err error) {
	e := elements{left: text}
	encoding, rooted := "", false
	var now objects.Info // the name that is being read
	sized, leaf := false, false
	for {
		name, begins, ok, err := e.next()
		switch depth := len(e.open); {
		case err != nil:
			return p, fmt.Errorf("%w: %w", errNoList, err)
		case !ok && rooted:
			return p, p.decode(encoding)
		case !ok, begins && depth == 1 && (rooted || string(name) != "ListBucketResult"):
			return p, errNoList
		case begins:
			rooted, leaf = true, true
			if depth == 2 {
				now, sized = objects.Info{}, false
			}
			continue
		case depth == 0, depth > 2:
			leaf = false
			continue
		case depth == 1 && (string(name) == "Contents" || string(name) == "CommonPrefixes"):
			if now.Key == "" || sized != (string(name) == "Contents") {
				return p, fmt.Errorf("%w: a name or a length is missing", errNoList)
			}
			if len(p.names) == maxPage {
				return p, errTooMany
			}
			p.names = append(p.names, now)
			continue
		}
		content := ""
		if leaf { // no other element is in it
			content, err = e.content()
		}
		leaf = false
		if err == nil && len(e.open) == 2 {
			err = field(&now, string(e.open[1]), string(name), content, &sized)
		} else if err == nil {
			err = p.set(string(name), content, &encoding)
		}
		if err != nil {
			return p, fmt.Errorf("%w: %w", errNoList, err)
		}
	}
}

// set takes an element of the page itself.
func (p *page) set(name, content string, encoding *string) (err error) {
	switch name {
	case "Name":
		p.bucket = content
	case "Prefix":
		p.prefix = content
	case "EncodingType":
		*encoding = content
	case "NextContinuationToken":
		p.token = content
	case "IsTruncated":
		p.more, err = strconv.ParseBool(strings.TrimSpace(content))
	}
	return err
}

// field takes an element of a name.
func field(to *objects.Info, of, name, content string, sized *bool) (err error) {
	switch {
	case name == "Key", name == "Prefix" && strings.HasSuffix(of, "CommonPrefixes"):
		to.Key = content
	case name == "ETag":
		to.ETag = strings.Trim(content, `"`)
	case name == "Size":
		*sized = true
		to.Size, err = strconv.ParseInt(strings.TrimSpace(content), 10, 64)
	case name == "LastModified":
		to.Modified, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(content))
	}
	return err
}

// decode decodes the names, and checks that there is a way to the next page.
func (p *page) decode(encoding string) error {
	if p.more && p.token == "" {
		return fmt.Errorf("%w: it says that there are more, and not how to ask for them", errNoList)
	}
	if encoding != "url" {
		return nil
	}
	for i := range p.names {
		key, err := url.QueryUnescape(p.names[i].Key)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoList, err)
		}
		p.names[i].Key = key
	}
	return nil
}
