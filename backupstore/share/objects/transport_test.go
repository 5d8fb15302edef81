package objects

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

func TestAnAnswerThatTricklesIsGivenUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}))
	defer server.Close()
	tr, err := NewTransport(TransportOptions{
		Policy: share.Policy{Timeout: 500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if _, ok := errors.AsType[*share.TimeoutError](err); !ok || !errors.Is(err, errTrickles) {
		t.Error(err)
	}
}

// A busy server makes no list endless: each page counts once, however often it is asked for.
func TestAPageThatIsAskedForAgainCountsOnce(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests < 4 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	tr, err := NewTransport(TransportOptions{Policy: share.Policy{Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.CloseIdleConnections()
	ctx, p := withPages(t.Context())
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r, err := http.NewRequestWithContext(ctx, method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if n := p.empty.Load(); requests != 5 || n != 1 {
		t.Errorf("%d requests, of which %d count as pages", requests, n)
	}
}
