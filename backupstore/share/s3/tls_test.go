package s3

import (
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
)

func TestTheCertificatesOfAServerAreChecked(t *testing.T) {
	credentialed(t)
	dir := t.TempDir()
	chain(t, dir)
	behind, err := url.Parse(fakes3.New(t, dir).URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(behind))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	at := "s3://" + fakes3.Bucket + "?endpoint=" + url.QueryEscape(server.URL)
	for _, c := range []struct {
		query, bundle string
		works         bool
	}{{"", "", false}, {"&ca=" + ca, "", true}, {"&insecure=yes", "", true}, {"", ca, true}} {
		t.Setenv("AWS_CA_BUNDLE", c.bundle)
		s, err := openURL(t.Context(), at+c.query, Options{})
		if (err == nil) != c.works || err != nil && !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%q, AWS_CA_BUNDLE=%q: %v", c.query, c.bundle, err)
		}
		if err != nil {
			continue
		}
		if got := tree(t, s); len(got) != 8 {
			t.Errorf("%q: %v", c.query, got)
		}
		s.Close()
	}
}
