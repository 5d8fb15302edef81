package cinderapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gophercloud/gophercloud/v2"
)

// Error is a call that failed. Its text says which call it was, what the cloud answered and what to
// do.
type Error struct {
	Op         string        // what was being done: "set the metadata"
	On         string        // to what: "volume 61c2...", or ""
	Status     int           // of HTTP; 0: no answer, or one that makes no sense
	Message    string        // of the cloud, one line; "" if none
	RequestID  string        // the id of the call in the cloud's logs, or ""
	RetryAfter time.Duration // that the cloud asks for, or 0
	Err        error         // the cause if there was no answer
}

// Unwrap returns the cause, nil if the cloud answered.
func (e *Error) Unwrap() error { return e.Err }

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.On != "" {
		b.WriteString(" of " + e.On)
	}
	b.WriteString(": ")
	if e.Status == 0 {
		b.WriteString(e.cause())
	} else {
		fmt.Fprintf(&b, "%d %s", e.Status, http.StatusText(e.Status))
		if e.Message != "" {
			b.WriteString(": " + e.Message)
		}
		if e.RequestID != "" {
			b.WriteString(" (" + e.RequestID + ")")
		}
	}
	if a := e.advice(); a != "" {
		b.WriteString("; " + a)
	}
	return b.String()
}

func (e *Error) cause() string {
	switch {
	case e.Err == nil:
		return "failed"
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "no answer in time"
	case e.lost():
		return "no answer: " + e.Err.Error()
	}
	return e.Err.Error()
}

// advice says what the operator can do, "" for nothing.
func (e *Error) advice() string {
	if e.On == "" && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed) {
		return "is that the address of the API?"
	}
	switch e.Status {
	case 0:
		return e.adviceUnanswered()
	case http.StatusUnauthorized:
		return "the credentials are not accepted, or no longer: check user, password, " +
			"project and their domains (or the token's age) and run it again"
	case http.StatusForbidden:
		return "this user may not do that in this project: it takes the role member (or owner) " +
			"in the project of the volume, or an admin"
	case http.StatusNotFound:
		return "there is no such thing in this project: check the id, and that the credentials " +
			"are those of its project and region"
	case http.StatusConflict, http.StatusBadRequest:
		if !strings.HasPrefix(e.On, "volume ") {
			return ""
		}
		return "the cloud does not take it as it is now: see the status of the volume (openstack " +
			"volume show)"
	case http.StatusRequestEntityTooLarge:
		return "a quota of the project is used up, or calls come too fast: see openstack quota " +
			"show, or run it again later"
	case http.StatusTooManyRequests:
		return "the cloud limits how many calls it takes: run it again later"
	case http.StatusMultipleChoices, http.StatusMovedPermanently, http.StatusFound,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return "redirects are not followed: correct the address (https instead of http?)"
	}
	if e.Status >= 500 {
		return "the fault is the cloud's: see its logs for the request, and run it again " +
			"when it is well"
	}
	return ""
}

// adviceUnanswered is advice about a call that got no answer, or none that makes sense.
func (e *Error) adviceUnanswered() string {
	switch {
	case errors.Is(e.Err, context.Canceled):
		return ""
	case errors.As(e.Err, new(errAnswer)), errors.Is(e.Err, errHuge):
		return "is that the address of the API?"
	case isTLS(e.Err):
		return "give the CA of the cloud in OS_CACERT"
	}
	return "check the address and the network, and run it again: what is done already stays done"
}

// isTLS reports whether the TLS handshake failed, so that nothing was sent: the server's
// certificate is not trusted, one side sent an alert, or the server does not speak TLS.
func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	// crypto/tls does not export the type of its alerts, but always puts them into
	// an OpError of its own.
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// lost reports that the call was or may have been sent, and got no answer: it is not known whether
// it was carried out.
func (e *Error) lost() bool {
	var op *net.OpError
	switch {
	case e.Status != 0 || e.Err == nil || errors.Is(e.Err, context.Canceled):
		return false
	case isTLS(e.Err), errors.As(e.Err, new(errAnswer)), errors.Is(e.Err, errHuge):
		return false
	case errors.As(e.Err, &op) && op.Op == "dial":
		return false
	}
	return true
}

// Lost reports that a call got no answer, so that it is not known whether it was
// carried out.
func Lost(err error) bool {
	e, ok := asError(err)
	return ok && e.lost()
}

// StatusOf is the HTTP status of the call that failed with err, 0 if there is none.
func StatusOf(err error) int {
	if e, ok := asError(err); ok {
		return e.Status
	}
	return 0
}

func asError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// newError turns an error of gophercloud into an Error.
func newError(c Call, err error) *Error {
	if e, ok := asError(err); ok {
		return e
	}
	e := &Error{Op: c.Op, On: c.On}
	var again *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &again) {
		e = newError(c, again.ErrReauth)
		e.Op = "log in again (the token is no longer accepted) to " + e.Op
		return e
	}
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) {
		e.Status, e.Message, e.RetryAfter = code.Actual, message(code.Body), retryAfter(
			code.ResponseHeader)
		e.RequestID = oneLine(code.ResponseHeader.Get("X-Openstack-Request-Id"), 60)
		return e
	}
	var u *url.Error // adds the method and the address, which the operator knows
	if errors.As(err, &u) {
		e.Err = u.Err
		return e
	}
	e.Err = err
	return e
}

// message returns the message in an error's answer: that of OpenStack's JSON, else the start of the
// text.
func message(body []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) == nil {
		for _, name := range slices.Sorted(maps.Keys(members)) {
			m := members[name]
			var fault struct {
				Message string `json:"message"`
			}
			if json.Unmarshal(m, &fault) == nil && fault.Message != "" {
				return middleCut(oneLine(fault.Message, 1<<20), 1000)
			}
			var text string
			if json.Unmarshal(m, &text) == nil && len(members) == 1 {
				return middleCut(oneLine(text, 1<<20), 1000)
			}
		}
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		return "" // an HTML page, as of a proxy
	}
	return oneLine(string(body), 200)
}

// oneLine makes text of others fit for a message: one printable line of most characters.
func oneLine(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"),
		func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
