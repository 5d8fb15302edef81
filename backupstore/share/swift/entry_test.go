package swift

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keystone is a cloud by https whose catalogue has an account for each interface and each of two
// regions. It asks for a certificate. It returns the file of its own certificate, and what was asked for
// last.
func keystone(t *testing.T) (server *httptest.Server, ca string, asked *http.Request) {
	t.Helper()
	asked = new(http.Request)
	server = httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			*asked = *r
			if !strings.HasSuffix(r.URL.Path, "/tokens") {
				fmt.Fprint(w, "[]")
				return
			}
			endpoints := []any{}
			for _, region := range []string{"r1", "r2"} {
				for _, kind := range []string{"public", "internal", "admin"} {
					endpoints = append(endpoints, map[string]string{"region_id": region,
						"region": region, "interface": kind,
						"url": server.URL + "/" + region + "/" + kind})
				}
			}
			w.Header().Set("X-Subject-Token", "a")
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(map[string]any{"token": map[string]any{
				"expires_at": time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z"),
				"catalog": []any{map[string]any{"type": "object-store", "name": "swift",
					"endpoints": endpoints}}}})
		}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	toPEM(t, ca, "CERTIFICATE", server.Certificate().Raw)
	return server, ca, asked
}

func toPEM(t *testing.T, file, kind string, raw []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// clientCertificate makes a certificate and its key, in two files.
func clientCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1),
		NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	toPEM(t, cert, "CERTIFICATE", raw)
	toPEM(t, key, "EC PRIVATE KEY", der)
	return cert, key
}

func TestAnEntryOfCloudsYAMLSaysWhatIsTrustedAndWhichEndpointIsMeant(t *testing.T) {
	start(t, t.TempDir())
	server, ca, asked := keystone(t)
	cert, key := clientCertificate(t)
	other := cert // which is no certificate of the server
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	for name, value := range map[string]string{"OS_CLIENT_CONFIG_FILE": file, "OS_CLOUD": "c",
		"OS_CERT": "", "OS_KEY": "", "HTTPS_PROXY": "", "https_proxy": ""} {
		t.Setenv(name, value)
	}
	for _, c := range []struct{ entry, url, kind, region, at string }{
		{"region_name: r1", "swift://c", "", "", ""}, // its certificate is not trusted
		{"region_name: r1, cacert: " + ca, "swift://c", "", "", "/r1/public/c"},
		{"region_name: r1, verify: false", "swift://c", "", "", "/r1/public/c"},
		{"region_name: r1, cacert: " + ca, "swift://c?ca=" + other, "", "", ""},
		{"region_name: r1, cacert: " + other, "swift://c?ca=" + ca, "", "", "/r1/public/c"},
		{"region_name: r1, cacert: " + ca + ", cert: " + cert + ", key: " + key, "swift://c", "",
			"", "/r1/public/c"},
		{"region_name: r1, interface: internal, cacert: " + ca, "swift://c", "admin", "r2",
			"/r1/internal/c"},
		{"region_name: r1, cacert: " + ca, "swift://c", "admin", "", "/r1/public/c"},
		{"cacert: " + ca, "swift://c", "", "r2", "/r2/public/c"},
		{"region_name: r1, interface: internal, cacert: " + ca,
			"swift://c?interface=admin&region=r2", "", "", "/r2/admin/c"},
	} {
		text := "clouds: {c: {auth: {auth_url: '" + server.URL + "/v3', username: u, password: p, " +
			"user_domain_name: d, project_name: p, project_domain_name: d}, " + c.entry + "}}"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("OS_INTERFACE", c.kind)
		t.Setenv("OS_REGION_NAME", c.region)
		*asked = http.Request{}
		s, err := openURL(t.Context(), c.url)
		if (err == nil) != (c.at != "") {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			continue
		}
		s.Close()
		if asked.URL.Path != c.at {
			t.Errorf("%+v: %s is asked for", c, asked.URL.Path)
		}
		if has := len(asked.TLS.PeerCertificates) > 0; has != strings.Contains(c.entry, " key: ") {
			t.Errorf("%+v: it shows a certificate: %v", c, has)
		}
	}
}
