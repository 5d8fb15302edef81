package swift

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// errInClear says that what was logged in with by https would go to an address that is not.
var errInClear = errors.New("the login is by https, and its token or password would be sent in " +
	"the clear (storage=URL in the share's URL says where the account is, and insecure=yes that " +
	"this is all right)")

// clientOf returns a client that sends its secrets only where login and the share's URL say: it
// follows no redirects, which net/http does with a token, and with the password in a body. Where
// login is by https nothing is sent in the clear, whatever a catalogue or an answer says, but to
// the account that the URL names.
func clientOf(s Spec, login string, by http.RoundTripper) http.Client {
	c := http.Client{Transport: by, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	if !s.Insecure && strings.HasPrefix(strings.ToLower(login), "https:") {
		named, _ := url.Parse(s.Storage)
		c.Transport = encrypted{RoundTripper: by, named: named}
	}
	return c
}

// encrypted sends nothing in the clear but to the account that is named.
type encrypted struct {
	http.RoundTripper
	named *url.URL
}

// RoundTrip implements http.RoundTripper.
func (e encrypted) RoundTrip(r *http.Request) (*http.Response, error) {
	named := e.named != nil && r.URL.Scheme == e.named.Scheme && r.URL.Host == e.named.Host
	if r.URL.Scheme != "https" && (!named || isLogin(r)) {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errInClear
	}
	return e.RoundTripper.RoundTrip(r)
}

// isRedirect reports whether a status is one that a client might follow.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected is what helps against a redirect.
const redirected = "redirects are not followed: correct the address (https instead of http?)"
