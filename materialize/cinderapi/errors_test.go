package cinderapi

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever makes a TLS handshake fail, nothing was sent, and a second attempt
// is of no use.
func TestAFailedTLSHandshakeIsNotALostAnswer(t *testing.T) {
	start := func(change func(*httptest.Server)) *httptest.Server {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{}
		change(s)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	trusted := func(s *httptest.Server) *http.Client { return s.Client() }
	for name, test := range map[string]struct {
		server *httptest.Server
		client func(*httptest.Server) *http.Client
	}{
		"an unknown CA": {start(func(*httptest.Server) {}), func(*httptest.Server) *http.Client { return &http.Client{Transport: &http.Transport{}} }},
		"a certificate of another host": {start(func(*httptest.Server) {}), func(s *httptest.Server) *http.Client {
			c := s.Client()
			c.Transport.(*http.Transport).TLSClientConfig.ServerName = "cinder.example.org.invalid"
			return c
		}},
		"a client certificate is wanted": {start(func(s *httptest.Server) { s.TLS.ClientAuth = tls.RequireAnyClientCert }), trusted},
		"no version in common": {start(func(s *httptest.Server) { s.TLS.MinVersion = tls.VersionTLS13 }), func(s *httptest.Server) *http.Client {
			c := s.Client()
			c.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
			return c
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.client(test.server).Get(test.server.URL)
			if err == nil {
				t.Fatal("it was agreed on")
			}
			err = newError(Call{Op: "read", On: "it"}, err)
			if Lost(err) || !strings.Contains(err.Error(), "give the CA of the cloud in OS_CACERT") {
				t.Error(err)
			}
		})
	}
	t.Run("a server that speaks something else", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if conn, err := l.Accept(); err == nil {
				io.WriteString(conn, "SSH-2.0-OpenSSH_9.2p1\r\n")
				conn.Close()
			}
		}()
		_, err = (&http.Client{Transport: &http.Transport{}}).Get("https://" + l.Addr().String())
		if err == nil || Lost(newError(Call{Op: "read", On: "it"}, err)) {
			t.Error(err)
		}
	})
}
