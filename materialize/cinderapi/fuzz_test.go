package cinderapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gophercloud/gophercloud/v2"
)

// fit reports whether a text of others is fit for a message.
func fit(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// answered is a cloud that gives the same answer to every call.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (a answered) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

func (a answered) client() *Client {
	p := &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: a, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	p.UseTokenLock()
	s := &Service{options: Options{Logger: slog.New(slog.DiscardHandler)}, sc: &gophercloud.ServiceClient{ProviderClient: p, Endpoint: "http://cloud/v3/", Type: "block-storage"}}
	return &Client{Service: s, provider: p}
}

// FuzzAnswer gets arbitrary answers for a volume. The result must be that volume or an error of one
// line of bounded length.
func FuzzAnswer(f *testing.F) {
	const id = "61c2e9f1-0b1d-4c38-9c2f-3d1c3e9a0b11"
	f.Add(200, []byte(`{"volume": {"id": "`+id+`", "status": "available", "size": 3, "bootable": "true", "metadata": {"readonly": "x", "k": "v"}, "attachments": [{"server_id": "s"}]}}`), "req-1", "")
	f.Add(200, []byte(`{"volume": {"id": "other"}}`), "", "")
	f.Add(200, []byte(`{"volume": null}`), "", "")
	f.Add(200, []byte(`<html>`), "", "")
	f.Add(400, []byte(`{"badRequest": {"code": 400, "message": "no\nsuch\u001b[31m thing\u202e"}, "other": {"message": "two"}}`), "req-\x1b", "")
	f.Add(413, []byte(`{"overLimit": "text"}`), "", "99999999999")
	f.Add(404, []byte("\xff\xfe plain"), "", "Sun, 06 Nov 2094 08:49:37 GMT")
	f.Add(302, []byte(`[]`), "", "-1")
	f.Fuzz(func(t *testing.T, status int, body []byte, request, after string) {
		if status < 200 || status > 599 {
			return
		}
		a := answered{status, http.Header{"X-Openstack-Request-Id": {request}, "Retry-After": {after}}, body}
		v, err := a.client().GetVolume(t.Context(), id)
		if (v == nil) == (err == nil) || v != nil && (!strings.EqualFold(v.ID, id) || status > 204) {
			t.Fatalf("%d: %+v, %v", status, v, err)
		}
		if err == nil {
			state := v.State()
			if _, there := state.Metadata["readonly"]; there || state.Bootable != (v.Bootable == "true") {
				t.Fatalf("%+v of %+v", state, v)
			}
			return
		}
		e, ok := asError(err)
		if !ok || e.Status != status && status > 204 || e.lost() || e.RetryAfter < 0 {
			t.Fatalf("%d: %#v", status, err)
		}
		if !fit(e.Message, 1003) || !fit(e.RequestID, 63) || !fit(e.Error(), 2000) {
			t.Fatalf("%q", e.Error())
		}
		if once, again := message(body), message(body); once != again {
			t.Fatalf("%q is told now so, now so", body)
		}
	})
}

// FuzzCatalogue looks for Cinder in arbitrary catalogues, and for its versions in arbitrary
// answers. The address must be one of the catalogue, and calls must go below it.
func FuzzCatalogue(f *testing.F) {
	const cinder = `{"type": "volumev3", "endpoints": [{"interface": "public", "region": "one", "region_id": "one", "url": "http://c:8776/v3/p"}`
	f.Add([]byte(`[`+cinder+`]}]`), []byte(`{"versions": [{"version": "3.59"}]}`), "", "p", "")
	f.Add([]byte(`[`+cinder+`, {"interface": "public", "region": "two", "url": "http://d/v3/%(tenant_id)s/"}]}]`), []byte(`{"versions": [{"version": "3.-5"}, {"version": "3.99999999999"}]}`), "two", "p", "publicURL")
	f.Add([]byte(`[{"type": "block-storage", "endpoints": [{"interface": "internal", "url": "http://c/v2/p"}, {"interface": "internal", "url": "http://c"}]}]`), []byte(`[]`), "", "", "internal")
	f.Add([]byte(`[null, {"endpoints": [null]}]`), []byte(`{"versions": null}`), "x", "/", "admin")
	f.Fuzz(func(t *testing.T, catalog, versions []byte, region, project, face string) {
		c := answered{status: 200, body: versions}.client()
		if json.Unmarshal(catalog, &c.catalog) != nil {
			return
		}
		c.settings.values = map[string]string{"region_name": region, "interface": face}
		c.project = project
		url, err := c.endpoint("Cinder", "volume_endpoint", "volumev3", "block-storage", "volume")
		if err != nil {
			if !errors.Is(err, ErrCredentials) || url != "" {
				t.Fatalf("%q, %v", url, err)
			}
			url = "http://c"
		} else {
			there := false
			for _, entry := range c.catalog {
				for _, e := range entry.Endpoints {
					there = there || e.URL == url && !olderAPI(url) && slices.Contains([]string{"volumev3", "block-storage", "volume"}, entry.Type) &&
						(region == "" || e.Region == region || e.RegionID == region)
				}
			}
			if !there {
				t.Fatalf("%q is not in %s", url, catalog)
			}
		}
		root, inside := inProject(url, project)
		if !strings.HasPrefix(inside, root) || !strings.HasSuffix(root, "/") || !strings.HasSuffix(inside, "/") || !strings.Contains(inside, "/v3/") {
			t.Fatalf("%q: root %q, project %q at %q", url, root, project, inside)
		}
		if err := c.chooseMicroversion(t.Context(), "http://cloud/v3/"); err != nil {
			t.Fatal(err)
		}
		if n := c.Microversion(); n < 0 || n > newestKnown {
			t.Fatalf("microversion %d of %s", n, versions)
		}
	})
}

// FuzzClouds reads arbitrary files as clouds.yaml. The result must be bounded by the file's size,
// and an error must not repeat any setting of a cloud.
func FuzzClouds(f *testing.F) {
	f.Add([]byte("clouds:\n  c:\n    region_name: r\n    auth:\n      auth_url: http://k\n      password: secret-word\n"))
	f.Add([]byte("common: &common\n  username: u\n  password: secret-word\nclouds:\n  c:\n    auth:\n      <<: *common\n      username: v\n    regions: [r]\n"))
	f.Add([]byte("clouds:\n  c:\n    auth: &a\n      <<: *a\n      password: secret-word\n"))
	f.Add([]byte("a: &a {x: 1}\nb: &b {<<: *a, y: 2, <<: *a}\nd: &d {<<: *b, <<: *b}\ne: &e {<<: *d, <<: *d}\nclouds: {c: {auth: {<<: [*e, *e], z: 1}}}\n"))
	f.Add([]byte("clouds:\n  c: &c\n    auth: *c\n    regions: &r [*r]\n    profile: p\n"))
	f.Add([]byte("clouds:\n  c: secret-word\n"))
	f.Add([]byte("clouds:\n  c:\n    auth:\n\tpassword: secret-word\n"))
	file := filepath.Join(f.TempDir(), "clouds.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			return
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := readClouds(file, "clouds")
		if err != nil && strings.Contains(err.Error(), "secret-word") {
			t.Fatalf("%v", err)
		}
		values := 0
		for _, flat := range all {
			for name := range flat {
				values++
				if strings.Contains(name, "-") {
					t.Fatalf("a setting %q of %q", name, text)
				}
			}
		}
		// Clouds may share settings through an anchor.
		if values > len(text)*max(1, len(all)) {
			t.Fatalf("%d settings of %d bytes", values, len(text))
		}
		cloud, err := readCloud(file, "c")
		if (cloud == nil) == (err == nil) || all["c"] == nil && err == nil {
			t.Fatalf("%v, %v", cloud, err)
		}
	})
}
