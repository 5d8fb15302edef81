package swift

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestAnOpenrcLogsIn has what is sent to Keystone compared, and the account of its catalogue read.
func TestAnOpenrcLogsIn(t *testing.T) {
	user := `"password":{"user":{"domain":{%s},"name":"u","password":"p"}}}`
	for what, c := range map[string]struct {
		env  string
		want []string // parts of the request; none: an error
	}{
		"a normal openrc": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_USER_DOMAIN_NAME=U OS_PROJECT_DOMAIN_NAME=P",
			[]string{fmt.Sprintf(user, `"name":"U"`), `"scope":{"project":{"domain":{"name":"P"},"name":"n"}}`},
		},
		"domains by id": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_USER_DOMAIN_ID=U OS_PROJECT_DOMAIN_ID=P",
			[]string{fmt.Sprintf(user, `"id":"U"`), `"scope":{"project":{"domain":{"id":"P"},"name":"n"}}`},
		},
		"one domain for both": {"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_DOMAIN_NAME=D",
			[]string{fmt.Sprintf(user, `"name":"D"`), `"project":{"domain":{"name":"D"},"name":"n"}`}},
		"no domain at all": {"OS_USERNAME=u OS_PASSWORD=p OS_TENANT_NAME=n",
			[]string{fmt.Sprintf(user, `"id":"default"`), `"domain":{"id":"default"},"name":"n"`}},
		"a project by id": {"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_ID=pid OS_PROJECT_NAME=n OS_USER_DOMAIN_NAME=U",
			[]string{fmt.Sprintf(user, `"name":"U"`), `"scope":{"project":{"id":"pid"}}`}},
		"a user by id": {"OS_USER_ID=uid OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_ID=pid",
			[]string{`"user":{"id":"uid","password":"p"}`}},
		"an application credential by id": {
			"OS_APPLICATION_CREDENTIAL_ID=a OS_APPLICATION_CREDENTIAL_SECRET=s OS_PROJECT_NAME=n",
			[]string{`{"auth":{"identity":{"application_credential":{"id":"a","secret":"s"},"methods":["application_credential"]}}}`},
		},
		"an application credential by name": {
			"OS_APPLICATION_CREDENTIAL_NAME=a OS_APPLICATION_CREDENTIAL_SECRET=s OS_USERNAME=u OS_USER_DOMAIN_NAME=U",
			[]string{`"application_credential":{"name":"a","secret":"s","user":{"domain":{"name":"U"},"name":"u"}}`},
		},
		"a token":                               {"OS_TOKEN=x OS_PROJECT_ID=pid", []string{`"token":{"id":"x"}`, `"project":{"id":"pid"}`}},
		"no user":                               {"OS_PASSWORD=p OS_PROJECT_ID=pid", nil},
		"no password":                           {"OS_USERNAME=u OS_PROJECT_ID=pid", nil},
		"no project":                            {"OS_USERNAME=u OS_PASSWORD=p", nil},
		"an application credential and no more": {"OS_APPLICATION_CREDENTIAL_ID=a", nil},
	} {
		for _, pair := range os.Environ() {
			if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OS_") || strings.HasPrefix(name, "ST_") {
				t.Setenv(name, "")
			}
		}
		var asked string
		var s *httptest.Server
		s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/auth/tokens") && r.Method == http.MethodPost:
				text, _ := io.ReadAll(r.Body)
				asked = string(text)
				w.Header().Set("X-Subject-Token", "token")
				w.WriteHeader(http.StatusCreated)
				fmt.Fprintf(w, `{"token":{"expires_at":"2999-01-01T00:00:00.000000Z","catalog":[{"type":"object-store","name":"swift",`+
					`"endpoints":[{"interface":"public","region":"r","region_id":"r","url":"%s/v1/AUTH_a"}]}]}}`, s.URL)
			case strings.HasPrefix(r.URL.Path, "/v1/AUTH_a/c"):
				fmt.Fprint(w, "[]")
			default:
				fmt.Fprintf(w, `{"versions":{"values":[{"id":"v3.14","status":"stable","links":[{"rel":"self","href":"%s/v3/"}]}]}}`, s.URL)
			}
		}))
		t.Setenv("OS_AUTH_URL", s.URL+"/v3")
		for pair := range strings.FieldsSeq(c.env) {
			name, value, _ := strings.Cut(pair, "=")
			t.Setenv(name, value)
		}
		spec, err := Parse("swift://c")
		if err != nil {
			t.Fatal(err)
		}
		share, err := Open(t.Context(), spec, Options{})
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil {
			share.Close()
		}
		for _, part := range c.want {
			if !strings.Contains(asked, part) {
				t.Errorf("%s: it sends %s, without %s", what, asked, part)
			}
		}
		s.Close()
	}
}
