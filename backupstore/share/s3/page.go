package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxPage is how many names a page of a list has at most; no request asks for more.
const maxPage = 1000

var (
	errNoList  = errors.New("the server's answer is no list of a bucket's names")
	errTooMany = errors.New("the server lists more names than it was asked for")
)

// checkedPages lets an answer to a request for names through when it is a page of them: the client
// takes any XML for one, and each element in it for a name, which takes more memory than its text.
type checkedPages struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c checkedPages) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || r.URL.Query().Get("list-type") != "2" {
		return resp, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body) // the transport bounds it
	if err == nil {
		err = checkPage(text)
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}

// checkPage reports what is wrong with a page of names.
func checkPage(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	names, depth, rooted := 0, 0, false
	for {
		t, err := d.Token()
		switch {
		case err == io.EOF && rooted:
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errNoList, err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 && (rooted || t.Name.Local != "ListBucketResult") {
				return errNoList
			}
			rooted = true
			if t.Name.Local == "Contents" || t.Name.Local == "CommonPrefixes" {
				names++
			}
			if names > maxPage {
				return errTooMany
			}
		case xml.EndElement:
			depth--
		}
	}
}
