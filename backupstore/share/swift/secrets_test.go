package swift

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// bystander is a server that nobody has any business with. It returns its URL, and counts who asks.
func bystander(t *testing.T) (string, *atomic.Int32) {
	asked := new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, "[]")
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// trusting has the environment of an openrc trust a server, and nothing else of OpenStack in it.
func trusting(t *testing.T, s *httptest.Server) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OS_CACERT", file)
}

func TestAPasswordDoesNotFollowARedirectToAnotherHost(t *testing.T) {
	start(t, t.TempDir())
	other, asked := bystander(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(other+"/v3/auth/tokens", status))
		for _, keystone := range []bool{false, true} {
			t.Setenv("ST_AUTH", s.URL+"/auth/v1.0")
			t.Setenv("OS_AUTH_URL", "")
			if keystone {
				for name, value := range map[string]string{"OS_AUTH_URL": s.URL + "/v3",
					"OS_USERNAME": "u", "OS_PASSWORD": key,
					"OS_PROJECT_NAME": "p", "OS_DOMAIN_NAME": "d"} {
					t.Setenv(name, value)
				}
			}
			_, err := openURL(t.Context(), "swift://größe")
			if err == nil || !strings.Contains(err.Error(), "redirects are not followed") ||
				strings.Contains(err.Error(), key) {
				t.Errorf("%d: %v", status, err)
			}
		}
		s.Close()
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestATokenDoesNotFollowARedirectOfTheAccount(t *testing.T) {
	server := start(t, t.TempDir())
	other, asked := bystander(t)
	account := httptest.NewServer(http.RedirectHandler(other, http.StatusFound))
	defer account.Close()
	_, err := openURL(t.Context(), "swift://größe?storage="+account.URL+"/v1/AUTH_test")
	if err == nil || !strings.Contains(err.Error(), "redirects are not followed") ||
		server.logins.Load() != 1 || asked.Load() != 0 {
		t.Errorf("%v, %d logins, %d requests elsewhere", err, server.logins.Load(), asked.Load())
	}
}

func TestATokenOfALoginByHTTPSIsNotSentInTheClearUnlessTheURLSaysSo(t *testing.T) {
	start(t, t.TempDir())
	plain, asked := bystander(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Storage-Url", plain+account)
		w.Header().Set("X-Auth-Token", "a")
	}))
	defer s.Close()
	trusting(t, s)
	t.Setenv("ST_AUTH", s.URL)
	for url, works := range map[string]bool{
		"swift://c":                            false,
		"swift://c?insecure=yes":               true,
		"swift://c?storage=" + plain + account: true,
	} {
		asked.Store(0)
		share, err := openURL(t.Context(), url)
		if (err == nil) != works || (asked.Load() != 0) != works {
			t.Errorf("%s: %v, %d requests in the clear", url, err, asked.Load())
		}
		if url == "swift://c" && (err == nil || !strings.Contains(err.Error(), "in the clear")) {
			t.Error(err)
		}
		if err == nil {
			share.Close()
		}
	}
}

func TestAPasswordIsNotSentInTheClearWhereKeystoneNamesItselfSo(t *testing.T) {
	start(t, t.TempDir())
	plain, asked := bystander(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"versions": map[string]any{"values": []any{
			map[string]any{"id": "v3.14", "status": "stable", "links": []any{
				map[string]string{"rel": "self", "href": plain + "/v3/"}}}}}})
	}))
	defer s.Close()
	trusting(t, s)
	for name, value := range map[string]string{"OS_AUTH_URL": s.URL, "OS_USERNAME": "u",
		"OS_PASSWORD": key, "OS_PROJECT_NAME": "p", "OS_DOMAIN_NAME": "d"} {
		t.Setenv(name, value)
	}
	for _, url := range []string{"swift://c", "swift://c?storage=" + plain + account} {
		_, err := openURL(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), "in the clear") || asked.Load() != 0 {
			t.Errorf("%s: %v, %d requests in the clear", url, err, asked.Load())
		}
	}
}
