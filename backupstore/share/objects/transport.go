package objects

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// maxFlight is how many requests of one store may be under way.
	maxFlight = 16
	// maxAnswer bounds the answers that are no part of an object: a page of 1,000 keys of 1,024
	// bytes, each byte escaped, is below that.
	maxAnswer = 8 << 20
	// maxRefusal bounds the words of a refusal.
	maxRefusal = 1 << 20
	// maxHeaders bounds the headers of an answer.
	maxHeaders = 256 << 10
	// minPace is how many bytes of an answer must come in the time that the policy gives one call;
	// the time that the reader takes itself does not count.
	minPace = 64 << 10
	// maxPatience is the longest time for which a server that says so is left alone.
	maxPatience = time.Minute
)

// Transport sends the requests of one store, and those that fail in passing again. It implements
// http.RoundTripper. What it lets through only reads.
type Transport struct {
	http   *http.Transport
	policy share.Policy
	flight chan struct{}
	login  func(*http.Request) bool
	// answered says that the server has ever answered: one that never did is not waited for.
	answered atomic.Bool
}

// TransportOptions are for NewTransport.
type TransportOptions struct {
	Policy share.Policy
	CA     string // file of the certificates to trust instead of the system's; "": those
	// Insecure takes any certificate.
	Insecure bool
	// TLS is what settings elsewhere say of certificates, which CA and Insecure go before; of it
	// RootCAs, Certificates and InsecureSkipVerify count. nil: nothing.
	TLS *tls.Config
	// Login reports whether a request that is neither GET nor HEAD asks for a token, and may be
	// sent for that; nil: none is.
	Login func(*http.Request) bool
}

// NewTransport returns a Transport. The error is about the file of certificates.
func NewTransport(o TransportOptions) (*Transport, error) {
	security := &tls.Config{InsecureSkipVerify: o.Insecure}
	if o.TLS != nil {
		security.RootCAs, security.Certificates = o.TLS.RootCAs, o.TLS.Certificates
		security.InsecureSkipVerify = o.Insecure || o.TLS.InsecureSkipVerify
	}
	if o.CA != "" {
		text, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("read the certificates to trust: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the certificates to trust: %s has none in PEM", o.CA)
		}
	}
	dialer := net.Dialer{Timeout: o.Policy.Dialling(), KeepAlive: 15 * time.Second}
	t := &Transport{policy: o.Policy, flight: make(chan struct{}, maxFlight), login: o.Login}
	t.http = &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext,
		TLSClientConfig: security, TLSHandshakeTimeout: o.Policy.Dialling(),
		MaxIdleConns: maxFlight, MaxIdleConnsPerHost: maxFlight, MaxConnsPerHost: maxFlight,
		IdleConnTimeout: time.Minute, ResponseHeaderTimeout: o.Policy.Silence(),
		MaxResponseHeaderBytes: maxHeaders, DisableCompression: true,
		ReadBufferSize: 64 << 10,
	}
	return t, nil
}

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

// errWrites says that a request would do more than read.
var errWrites = errors.New("restorefs only reads: this request is not sent")

// RoundTrip implements http.RoundTripper. It returns an answer that a repetition may change only
// when the policy's time is over.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads && (t.login == nil || !t.login(r)) {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, errWrites)
	}
	ctx := r.Context()
	// Asked for again, a page is the same one, and a HEAD is none.
	if b, ok := ctx.Value(pagesKey{}).(*pages); ok && r.Method == http.MethodGet && b.more() {
		return nil, errEndless
	}
	start := time.Now()
	for try := 1; ; try++ {
		resp, err := t.once(r)
		again := reads && transient(ctx, resp, err)
		if err != nil && !t.answered.Load() {
			again = false
		}
		late := time.Since(start) >= t.policy.Limit()
		switch {
		case !again:
			return resp, err
		case late && err != nil:
			return nil, &share.TimeoutError{After: t.policy.Limit(), Err: err}
		case late:
			return resp, nil
		}
		wait := retryAfter(resp)
		if resp != nil {
			io.CopyN(io.Discard, resp.Body, 64<<10)
			resp.Body.Close()
		}
		if err := t.pause(ctx, try, wait); err != nil {
			return nil, err
		}
	}
}

// pause waits as long as the server says, or else as the policy does.
func (t *Transport) pause(ctx context.Context, try int, wait time.Duration) error {
	if wait == 0 {
		return t.policy.Pause(ctx, try)
	}
	timer := time.NewTimer(min(wait, maxPatience, t.policy.Limit()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transient reports whether asking again may help.
func transient(ctx context.Context, resp *http.Response, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
		return !certificate
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter is for how long the server wants to be left alone, 0 if it does not say.
func retryAfter(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	says := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(says); err == nil && n > 0 {
		return time.Duration(min(n, 3600)) * time.Second
	}
	if at, err := http.ParseTime(says); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// once sends a request once. Its place among those under way is given back when the body of the
// answer is closed.
func (t *Transport) once(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	select {
	case t.flight <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
	resp, err := t.http.RoundTrip(r.WithContext(ctx))
	if err != nil {
		<-t.flight
		cancel()
		return nil, err
	}
	t.answered.Store(true)
	b := &body{of: resp.Body, cancel: cancel, silence: t.policy.Silence(),
		limit: t.policy.Limit(), left: maxAnswer}
	b.release = func() { <-t.flight }
	switch {
	case resp.StatusCode >= 300:
		b.left = maxRefusal
	case r.Header.Get("Range") != "":
		b.left = -1 // who asked for it knows how much it is
	}
	b.timer = time.AfterFunc(b.silence, cancel)
	b.timer.Stop()
	resp.Body = b
	return resp, nil
}

// body is the body of an answer, bounded in bytes and in the time for which it says nothing.
type body struct {
	of      io.ReadCloser
	cancel  context.CancelFunc
	timer   *time.Timer
	silence time.Duration
	limit   time.Duration // the time for minPace
	waited  time.Duration // of limit
	got     int           // bytes, in waited
	left    int64         // bytes that are still taken, -1: any number
	release func()
	closed  atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLarge
	}
	if b.left > 0 {
		p = p[:min(int64(len(p)), b.left)]
	}
	b.timer.Reset(b.silence)
	start := time.Now()
	n, err := b.of.Read(p)
	stopped := b.timer.Stop()
	b.waited, b.got = b.waited+time.Since(start), b.got+n
	if b.got >= minPace {
		b.waited, b.got = 0, 0
	}
	if err == nil && b.waited >= b.limit {
		b.cancel()
		return n, &share.TimeoutError{After: b.limit, Err: errTrickles}
	}
	if b.left > 0 {
		b.left -= int64(n)
	}
	if err != nil && err != io.EOF && !stopped {
		err = &share.TimeoutError{After: b.silence, Err: err}
	}
	return n, err
}

var errTrickles = errors.New("the server sends next to nothing")

func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	err := b.of.Close()
	b.timer.Stop()
	b.cancel()
	b.release()
	return err
}

// pages counts the pages of a listing that have come since the last one with something new in it.
type pages struct{ empty atomic.Int32 }

type pagesKey struct{}

// maxEmpty bounds such pages in a row. Each store has an empty one at the end of a list, and S3 one
// here and there where much was deleted.
const maxEmpty = 64

var errEndless = errors.New("the server goes on with a list and adds nothing to it")

func (p *pages) more() bool { return p.empty.Add(1) > maxEmpty }

func (p *pages) progress() { p.empty.Store(0) }

// withPages returns a context for the requests of one listing.
func withPages(ctx context.Context) (context.Context, *pages) {
	p := new(pages)
	return context.WithValue(ctx, pagesKey{}, p), p
}

// IsCut reports whether reading the body of an answer has failed so that asking for it again may
// help.
func IsCut(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.Is(err, errTooLarge) &&
		!errors.Is(err, errTrickles)
}
