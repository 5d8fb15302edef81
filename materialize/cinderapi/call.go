package cinderapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// Service is one API of the cloud. It may be used by many goroutines.
type Service struct {
	options Options
	sc      *gophercloud.ServiceClient
}

// Call is one request. Op and On are for messages.
type Call struct {
	Op           string // what the call does, in words: "set the metadata"
	On           string // to what: "volume 61c2...", or ""
	Method       string
	Path         string  // below the project; its parts are escaped (url.PathEscape)
	URL          string  // instead of Path: the whole address
	Body         any     // as JSON, nil for none
	Into         any     // for the answer's JSON; nil: it is ignored
	Accept       string  // instead of JSON
	Raw          *[]byte // instead of Into: for the answer as it is
	OK           []int   // statuses that are success; nil: 200 to 204
	Microversion string  // instead of the Service's own
	// Harmless says that a POST may be repeated without harm. GET, PUT and DELETE always may.
	Harmless bool

	repeat bool
}

// Do makes the call. It repeats it where that helps and does no harm: after a lost connection, a
// time-out, 429, 413 with Retry-After, 502, 503 and 504. The error is an *Error.
func (s *Service) Do(ctx context.Context, c Call) error {
	c.repeat = c.Harmless || c.Method != http.MethodPost
	target := cmp.Or(c.URL, s.sc.Endpoint+c.Path)
	sc := *s.sc
	sc.Microversion = cmp.Or(c.Microversion, sc.Microversion)
	ok := c.OK
	if ok == nil {
		ok = []int{200, 201, 202, 203, 204}
	}
	return retry(ctx, s.options, c, func(ctx context.Context) error {
		o := &gophercloud.RequestOpts{JSONBody: c.Body, OkCodes: ok, KeepResponseBody: true}
		if c.Accept != "" {
			o.MoreHeaders = map[string]string{"Accept": c.Accept}
		}
		resp, err := sc.Request(ctx, c.Method, target, o)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if c.Raw != nil {
			*c.Raw = text
		}
		if c.Into == nil {
			return nil
		}
		if err := json.Unmarshal(text, c.Into); err != nil {
			return errAnswer{err}
		}
		return nil
	})
}

// errAnswer says that an answer cannot be understood. Repeating the call would not help.
type errAnswer struct{ error }

func (e errAnswer) Unwrap() error { return e.error }

// retry makes attempts until one succeeds, or until another would not help, might do harm, or would
// exceed Options.Patience.
func retry(ctx context.Context, o Options, c Call, attempt func(context.Context) error) error {
	end := time.Now().Add(o.Patience)
	for pause := cmp.Or(o.pause, 500*time.Millisecond); ; pause = min(2*pause, 16*time.Second) {
		err := attempt(ctx)
		if err == nil {
			return nil
		}
		e := newError(c, err)
		wait, again := e.again(c.repeat, pause)
		if !again || ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return e
		}
		o.Logger.Warn("trying again", "in", wait, "err", e)
		select {
		case <-ctx.Done():
			e.Err = ctx.Err()
			return e
		case <-time.After(wait):
		}
	}
}

// again decides whether to make a call again, and after how long.
func (e *Error) again(repeat bool, pause time.Duration) (time.Duration, bool) {
	var dial *net.OpError
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestEntityTooLarge &&
		e.RetryAfter > 0:
		// The call was rejected before anything was done. Cinder also answers 413 for an exceeded
		// quota, with a Retry-After of 0.
		return max(pause, e.RetryAfter), true
	case e.Status == http.StatusBadGateway, e.Status == http.StatusServiceUnavailable,
		e.Status == http.StatusGatewayTimeout:
		return max(pause, e.RetryAfter), repeat
	case e.Status != 0:
		return 0, false
	case errors.As(e.Err, &dial) && dial.Op == "dial":
		var dns *net.DNSError
		return pause, !(errors.As(e.Err, &dns) && dns.IsNotFound) // not even sent
	}
	return pause, repeat && e.lost()
}

// maxAnswer bounds an answer. A page of a thousand volumes is some 3 MiB.
const maxAnswer = 32 << 20

var errHuge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)

// boundedTransport bounds the size of answers.
type boundedTransport struct{ *http.Transport }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, maxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errHuge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}
