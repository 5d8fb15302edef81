package cinderapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cloud is a Keystone and a Cinder in one server. Tests that need more of
// Cinder add handlers to mux.
type cloud struct {
	*httptest.Server
	mux *http.ServeMux

	mu     sync.Mutex
	logins []string // bodies
	tokens int      // number of tokens issued; only the last one is valid
	calls  map[string]int
}

const project = "0123456789abcdef0123456789abcdef"

// newCloud starts a cloud, and clears the environment's settings of other
// clouds.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OS_") || name == "CINDER_ENDPOINT" {
			t.Setenv(name, "")
		}
	}
	c := &cloud{mux: http.NewServeMux(), calls: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	c.mux.HandleFunc("GET /v3/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"versions":[{"id":"v3.0","status":"CURRENT","version":"3.70","min_version":"3.0"}]}`)
	})
	return c
}

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Openstack-Request-Id", "req-1")
	if r.URL.Path == "/identity/v3/auth/tokens" {
		c.logIn(w, r)
		return
	}
	c.mu.Lock()
	c.calls[r.Method+" "+r.URL.Path]++
	good := fmt.Sprintf("token%d", c.tokens)
	c.mu.Unlock()
	if c.tokens > 0 && r.Header.Get("X-Auth-Token") != good {
		w.WriteHeader(401)
		fmt.Fprint(w, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`)
		return
	}
	c.mux.ServeHTTP(w, r)
}

func (c *cloud) logIn(w http.ResponseWriter, r *http.Request) {
	var body json.RawMessage
	json.NewDecoder(r.Body).Decode(&body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins = append(c.logins, r.Method+string(body))
	if strings.Contains(string(body), `"wrong"`) {
		w.WriteHeader(401)
		fmt.Fprint(w, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`)
		return
	}
	if r.Method == http.MethodPost {
		c.tokens++
		w.Header().Set("X-Subject-Token", fmt.Sprintf("token%d", c.tokens))
		w.WriteHeader(201)
	} else {
		w.Header().Set("X-Subject-Token", r.Header.Get("X-Auth-Token"))
	}
	endpoint := func(kind, region, url string) string {
		return fmt.Sprintf(`{"interface":%q,"region":%q,"region_id":%q,"url":%q}`, kind, region, region, url)
	}
	fmt.Fprintf(w, `{"token":{"expires_at":"2099-01-01T00:00:00.000000Z","project":{"id":%q,"name":"demo","domain":{"id":"default","name":"Default"}},
		"catalog":[{"type":"compute","endpoints":[%s,%s]},{"type":"volumev2","endpoints":[%s]},{"type":"volumev3","endpoints":[%s,%s]}]}}`, project,
		endpoint("public", "one", c.URL+"/nova"), endpoint("public", "two", c.URL+"/nova2"),
		endpoint("public", "one", c.URL+"/v2/"+project), endpoint("public", "one", c.URL+"/v3/"+project), endpoint("internal", "one", c.URL+"/internal/v3/"+project))
}

// connect logs in with the given environment, and calls Cinder once.
func connect(t *testing.T, env map[string]string, o Options) (*Client, error) {
	t.Helper()
	for k, v := range env {
		t.Setenv(k, v)
	}
	c, err := Connect(t.Context(), o)
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

func TestLogsInWithWhatAnOpenrcSays(t *testing.T) {
	byName := `"password":{"user":{"domain":{%s},"name":"u","password":"p"}}}`
	byID := `"scope":{"project":{"id":"pid"}}`
	for name, test := range map[string]struct {
		env  string
		want []string // parts of the request
	}{
		"a normal openrc": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_USER_DOMAIN_NAME=U OS_PROJECT_DOMAIN_NAME=P",
			[]string{fmt.Sprintf(byName, `"name":"U"`), `"scope":{"project":{"domain":{"name":"P"},"name":"n"}}`},
		},
		"domains by id": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_USER_DOMAIN_ID=U OS_PROJECT_DOMAIN_ID=P",
			[]string{fmt.Sprintf(byName, `"id":"U"`), `"scope":{"project":{"domain":{"id":"P"},"name":"n"}}`},
		},
		"one domain for both": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_DOMAIN_NAME=D",
			[]string{fmt.Sprintf(byName, `"name":"D"`), `"project":{"domain":{"name":"D"},"name":"n"}`},
		},
		"the default domain": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_NAME=n OS_DEFAULT_DOMAIN=D",
			[]string{fmt.Sprintf(byName, `"id":"D"`), `"domain":{"id":"D"},"name":"n"`},
		},
		"no domain at all": {
			"OS_USERNAME=u OS_PASSWORD=p OS_TENANT_NAME=n",
			[]string{fmt.Sprintf(byName, `"id":"default"`), `"domain":{"id":"default"},"name":"n"`},
		},
		"a project by id and name": {
			"OS_USERNAME=u OS_PASSWORD=p OS_PROJECT_ID=pid OS_PROJECT_NAME=n OS_PROJECT_DOMAIN_ID=default OS_USER_DOMAIN_NAME=U",
			[]string{byID},
		},
		"a user by id, with a domain that does not matter": {
			"OS_USER_ID=uid OS_USERNAME=u OS_USER_DOMAIN_NAME=U OS_PASSWORD=p OS_PROJECT_ID=pid OS_AUTH_TYPE=v3password",
			[]string{`"password":{"user":{"id":"uid","password":"p"}}`, byID},
		},
		"an application credential by id": {
			"OS_AUTH_TYPE=v3applicationcredential OS_APPLICATION_CREDENTIAL_ID=a OS_APPLICATION_CREDENTIAL_SECRET=s",
			[]string{`{"auth":{"identity":{"application_credential":{"id":"a","secret":"s"},"methods":["application_credential"]}}}`},
		},
		"an application credential by name": {
			"OS_APPLICATION_CREDENTIAL_NAME=a OS_APPLICATION_CREDENTIAL_SECRET=s OS_USERNAME=u OS_USER_DOMAIN_NAME=U",
			[]string{`"application_credential":{"name":"a","secret":"s","user":{"domain":{"name":"U"},"name":"u"}}`},
		},
		"a token of the project as it is": {"OS_AUTH_TYPE=token OS_TOKEN=token0 OS_PROJECT_ID=" + project, []string{"GET"}},
		"a token of another project":      {"OS_AUTH_TYPE=token OS_TOKEN=token0 OS_PROJECT_ID=pid", []string{`"token":{"id":"token0"}`, byID}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			env := map[string]string{"OS_AUTH_URL": c.URL + "/identity"}
			for _, pair := range strings.Fields(test.env) {
				k, v, _ := strings.Cut(pair, "=")
				env[k] = v
			}
			client, err := connect(t, env, Options{})
			if err != nil {
				t.Fatal(err)
			}
			last := c.logins[len(c.logins)-1]
			for _, want := range test.want {
				if !strings.Contains(last, want) {
					t.Errorf("sent %s, want %s", last, want)
				}
			}
			if client.Microversion() != 70 || client.ProjectID() != project {
				t.Errorf("microversion %d, project %s", client.Microversion(), client.ProjectID())
			}
		})
	}
}

func TestCloudsYAMLSaysTheSameAsAnOpenrc(t *testing.T) {
	c := newCloud(t)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("clouds.yaml", `
cache: {expiration: {volume: 5}}
client: {force_ipv4: true}
common: &common {username: someone, user_domain_name: U, project_domain_id: P}
clouds:
  other: {auth: {auth_url: "http://127.0.0.1:1"}}
  mine:
    profile: vendor
    auth: {username: u, project_name: n, <<: *common}
    region_name: one
    interface: internal
`)
	write("secure.yaml", "clouds: {mine: {auth: {password: 12345}}}\n")
	write("clouds-public.yaml", fmt.Sprintf("public-clouds: {vendor: {auth: {auth_url: %q}, region_name: two}}\n", c.URL+"/identity/v3"))
	t.Setenv("OS_CLIENT_CONFIG_FILE", filepath.Join(dir, "clouds.yaml"))
	c.mux.HandleFunc("GET /internal/v3/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>no versions here</html>") })
	client, err := connect(t, nil, Options{Cloud: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.logins[0]; !strings.Contains(got, `{"domain":{"name":"U"},"name":"u","password":"12345"}`) || !strings.Contains(got, `"domain":{"id":"P"},"name":"n"`) {
		t.Error(got)
	}
	if client.sc.Endpoint != c.URL+"/internal/v3/"+project+"/" || client.Microversion() != 0 {
		t.Error(client.sc.Endpoint, client.sc.Microversion)
	}
	t.Setenv("OS_CLOUD", "nowhere")
	if _, err := connect(t, nil, Options{}); !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "it has mine, other") {
		t.Error(err)
	}
	write("clouds.yaml", "clouds: {mine: {auth: {password: \"secret\nx: y: z")
	if _, err := connect(t, nil, Options{Cloud: "mine"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestNoauthLogsInWithoutKeystone(t *testing.T) {
	c := newCloud(t)
	for _, endpoint := range []string{"", "/", "/v3", "/v3/", "/v3/" + project, "/v3/%(project_id)s"} {
		client, err := connect(t, map[string]string{"OS_AUTH_TYPE": "noauth", "OS_PROJECT_ID": project, "OS_VOLUME_ENDPOINT": c.URL + endpoint}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if client.sc.Endpoint != c.URL+"/v3/"+project+"/" {
			t.Error(client.sc.Endpoint)
		}
	}
}

func TestSaysWhatIsMissingOrWrong(t *testing.T) {
	password := map[string]string{"OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "n"}
	with := func(more ...string) map[string]string {
		env := map[string]string{"OS_AUTH_URL": "{url}/identity"}
		for k, v := range password {
			env[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"nothing":                  {nil, "source an openrc file, or name a cloud"},
		"no address":               {password, "OS_AUTH_URL (the address of Keystone) is not set"},
		"no user":                  {with("OS_USERNAME", ""), "OS_USERNAME or OS_USER_ID is not set"},
		"no password":              {with("OS_PASSWORD", ""), "OS_PASSWORD is not set"},
		"no project":               {with("OS_PROJECT_NAME", ""), "OS_PROJECT_ID or OS_PROJECT_NAME is not set"},
		"no secret":                {with("OS_APPLICATION_CREDENTIAL_ID", "a"), "OS_APPLICATION_CREDENTIAL_SECRET is not set"},
		"no token":                 {with("OS_AUTH_TYPE", "token"), "OS_TOKEN is not set"},
		"another way to log in":    {with("OS_AUTH_TYPE", "v3oidcpassword"), "openstack token issue"},
		"a key without its cert":   {with("OS_KEY", "/k"), "OS_CERT (with OS_KEY) is not set"},
		"an unreadable CA file":    {with("OS_CACERT", "/nowhere/ca.pem"), "OS_CACERT: open /nowhere/ca.pem"},
		"a word for a truth":       {with("OS_INSECURE", "perhaps"), `OS_INSECURE is "perhaps"`},
		"noauth without a project": {map[string]string{"OS_AUTH_TYPE": "noauth"}, "OS_PROJECT_ID is not set"},
		"noauth without Cinder":    {map[string]string{"OS_AUTH_TYPE": "noauth", "OS_PROJECT_ID": "p"}, "OS_VOLUME_ENDPOINT (the address of Cinder"},
		"a region too few":         {with("OS_REGION_NAME", "three"), `it is in the regions one, OS_REGION_NAME says "three"`},
		"no such interface":        {with("OS_INTERFACE", "adminURL"), `it is there for internal, public, OS_INTERFACE says "admin"`},
		"a wrong password":         {with("OS_PASSWORD", "wrong"), "401 Unauthorized: The request you have made requires authentication. (req-1); the credentials are not accepted"},
		"no Keystone there":        {with("OS_AUTH_URL", "{url}/v3"), "log in at Keystone {url}/v3: 405 Method Not Allowed: Method Not Allowed (req-1); is that the address of the API?"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			env := map[string]string{}
			for k, v := range test.env {
				env[k] = strings.ReplaceAll(v, "{url}", c.URL)
			}
			_, err := connect(t, env, Options{})
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(test.want, "{url}", c.URL)) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestARegionIsNotGuessed(t *testing.T) {
	c := newCloud(t)
	client := c.client(t, Options{})
	if _, err := client.Compute(); err == nil || !strings.Contains(err.Error(), "in the regions one, two: say which one with OS_REGION_NAME") {
		t.Error(err)
	}
}

// client returns a client that is logged in with a password.
func (c *cloud) client(t *testing.T, o Options) *Client {
	t.Helper()
	client, err := connect(t, map[string]string{"OS_AUTH_URL": c.URL + "/identity/v3", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "n"}, o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTrustsTheCAThatIsGiven(t *testing.T) {
	c := newCloud(t)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := c.URL
	c.URL = secure.URL
	defer func() { c.URL = plain }()
	env := map[string]string{"OS_AUTH_URL": c.URL + "/identity/v3", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "n"}
	if _, err := connect(t, env, Options{}); err == nil || !strings.Contains(err.Error(), "give the CA of the cloud in OS_CACERT") {
		t.Error(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	env["OS_CACERT"] = ca
	if _, err := connect(t, env, Options{}); err != nil {
		t.Error(err)
	}
	// The server asks for a client's certificate.
	key, err := x509.MarshalPKCS8PrivateKey(secure.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	file := filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, both, 0o600); err != nil {
		t.Fatal(err)
	}
	secure.TLS.ClientAuth = tls.RequireAnyClientCert
	if _, err := connect(t, env, Options{pause: time.Millisecond, Patience: 5 * time.Millisecond}); err == nil {
		t.Error("no certificate was needed")
	}
	env["OS_CERT"] = file
	if _, err := connect(t, env, Options{}); err != nil {
		t.Error(err)
	}
	env["OS_CACERT"], env["OS_INSECURE"] = "", "yes"
	if _, err := connect(t, env, Options{}); err != nil {
		t.Error(err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	c := newCloud(t)
	client := c.client(t, Options{})
	hang := make(chan struct{})
	defer close(hang)
	c.mux.HandleFunc("GET /v3/{project}/volumes/{id}", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.GetVolume(ctx, "v"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "get the record of volume v: no answer in time") {
		t.Error(err)
	}
}
