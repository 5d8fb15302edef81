package locate_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/locate"
)

// cloud is a Swift with auth version 1, by https, that has every container and nothing in it. It
// returns its URL, the file of its certificate, and who logged in last.
func cloud(t *testing.T) (url, ca string, user *string) {
	t.Helper()
	user = new(string)
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth" {
			*user = r.Header.Get("X-Auth-User")
			w.Header().Set("X-Storage-Url", s.URL+"/v1/A")
			w.Header().Set("X-Auth-Token", "a")
			return
		}
		fmt.Fprint(w, "[]")
	}))
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, ca, user
}

func TestCindersLoginAndCertificatesAreForItsOwnCloudOnly(t *testing.T) {
	for _, name := range []string{"OS_CLOUD", "OS_CACERT", "OS_INSECURE", "HTTPS_PROXY",
		"https_proxy", "ST_USER", "ST_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	url, ca, user := cloud(t)
	foreign, _, foreigner := cloud(t)
	driver := "[DEFAULT]\nbackup_driver = " + cinderconf.SwiftDriver + "\n"
	single := driver + "backup_swift_auth = single_user\nbackup_swift_user = u\n" +
		"backup_swift_key = k\nbackup_swift_auth_url = " + url + "/auth\n"
	for _, c := range []struct {
		what, conf, share, openrc, swiftrc, user, foreigner string
	}{
		{"without a share it logs in", single + "backup_swift_ca_cert_file = " + ca, "",
			foreign, "", "u", ""},
		{"so it does for a URL of the container alone",
			single + "backup_swift_auth_insecure = true", "swift://volumebackups", "", "", "u", ""},
		{"another container has another login", single + "backup_swift_auth_insecure = true",
			"swift://other", "", "", "", ""},
		{"a cloud in the URL is another one", single + "backup_swift_auth_insecure = true",
			"swift://volumebackups?cloud=none", "", "", "", ""},
		{"a region in the URL is another one", single + "backup_swift_auth_insecure = true",
			"swift://volumebackups?region=r", "", "", "", ""},
		{"an account in the URL is another one", single + "backup_swift_auth_insecure = true",
			"swift://volumebackups?storage=" + foreign + "/v1/A", "", "", "", ""},
		{"an openrc is of another one", single + "backup_swift_auth_insecure = true",
			"swift://volumebackups", foreign + "/v3", "", "", ""},
		{"the login of a swift client is another one",
			single + "backup_swift_auth_insecure = true", "swift://volumebackups", "",
			foreign + "/auth", "", ""},
		{"certificates are checked where Cinder does not log in",
			driver + "backup_swift_auth_insecure = true\nbackup_swift_container = c\n",
			"swift://c", "", foreign + "/auth", "", ""},
		{"unless the URL says that they are not",
			driver + "backup_swift_container = c\n",
			"swift://c?insecure=yes", "", foreign + "/auth", "", "me"},
	} {
		*user, *foreigner = "", ""
		t.Setenv("OS_AUTH_URL", c.openrc)
		t.Setenv("ST_AUTH", c.swiftrc)
		t.Setenv("ST_USER", "me")
		s, err := locate.Open(t.Context(), locate.Options{Share: c.share, NeedConfig: true,
			Config: write(t, c.conf)})
		if works := c.user+c.foreigner != ""; (err == nil) != works ||
			*user != c.user || *foreigner != c.foreigner {
			t.Errorf("%s: %v, %q logs in, and %q elsewhere", c.what, err, *user, *foreigner)
		}
		if err == nil {
			s.Root.Close()
		}
	}
}
