package cloudtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"sync"
	"unicode/utf8"
)

// Cinder is a server with one volume that answers like Cinder (21.3.1, noauth). It is for faults,
// and for tests that do not need a real one.
type Cinder struct {
	*httptest.Server

	// Use Alter to change these.
	Volume   map[string]any    // what GET shows, except for the following
	Metadata map[string]string // of the volume
	Image    map[string]string
	Others   []map[string]any // volumes that lists show as well
	OnLook   func(looks int)  // called before each GET of the volume is answered

	mu     sync.Mutex
	id     string
	writes int                                          // calls that change something
	fault  func(w http.ResponseWriter, writes int) bool // called before each; true: answered
	looks  int                                          // GETs of the volume
}

// Env returns the variables of an openrc with which programs find the server.
func (f *Cinder) Env() []string {
	return []string{"OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=" + Project,
		"OS_VOLUME_ENDPOINT=" + f.URL + "/v3"}
}

// Project is the id of the only project.
const Project = "0123456789abcdef0123456789abcdef"

// NewCinder starts a server. Its volume has that id, is available and of 1 GiB, unless volume says
// otherwise. The caller closes it.
func NewCinder(id string, volume map[string]any) *Cinder {
	f := &Cinder{id: id, Metadata: map[string]string{"own": "x"},
		Image: map[string]string{"own_img": "y"}}
	f.Volume = map[string]any{
		"id": id, "status": "available", "size": 1, "name": nil, "description": nil,
		"bootable": "false", "encrypted": false,
		"volume_type": "__DEFAULT__", "volume_type_id": "6fdc0d8b-acc9-411a-b9f7-70577c13ca9d",
	}
	maps.Copy(f.Volume, volume)
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	return f
}

// request has the fields of all calls.
type request struct {
	Volume   map[string]*string
	Metadata map[string]string
	Set      struct{ Metadata map[string]string } `json:"os-set_image_metadata"`
	Unset    struct{ Key string }                 `json:"os-unset_image_metadata"`
	Boot     struct{ Bootable bool }              `json:"os-set_bootable"`
}

func (f *Cinder) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("X-Openstack-Request-Id", "req-7")
	var body request
	text, _ := io.ReadAll(r.Body)
	json.Unmarshal(text, &body)
	if r.Method != http.MethodGet {
		f.writes++
		if f.fault != nil && f.fault(w, f.writes) {
			return
		}
	}
	if why := schemaRefusal(body.Metadata) + schemaRefusal(body.Set.Metadata); why != "" {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]any{"badRequest": map[string]any{"code": 400,
			"message": why}})
		return
	}
	f.answer(w, r, body, text)
}

func (f *Cinder) answer(w http.ResponseWriter, r *http.Request, body request, text []byte) {
	root := "/v3/" + Project + "/volumes/" + f.id
	reply := func(v any) { json.NewEncoder(w).Encode(v) }
	switch r.Method + " " + r.URL.Path {
	case "GET /v3/":
		io.WriteString(w, `{"versions": [{"id": "v3.0", "status": "CURRENT", `+
			`"version": "3.70", "min_version": "3.0"}]}`)
	case "GET /v3/" + Project + "/volumes/detail":
		reply(f.page(r.URL.Query().Get("marker")))
	case "GET " + root:
		if f.looks++; f.OnLook != nil {
			f.OnLook(f.looks)
		}
		v := maps.Clone(f.Volume)
		v["metadata"], v["volume_image_metadata"] = f.Metadata, f.Image
		reply(map[string]any{"volume": v})
	case "PUT " + root:
		for k, s := range body.Volume {
			f.Volume[k] = s
		}
		reply(map[string]any{"volume": f.Volume})
	case "PUT " + root + "/metadata":
		f.Metadata = body.Metadata
		reply(map[string]any{"metadata": f.Metadata})
	case "POST " + root + "/metadata":
		maps.Copy(f.Metadata, body.Metadata)
		reply(map[string]any{"metadata": f.Metadata})
	case "POST " + root + "/action":
		maps.Copy(f.Image, body.Set.Metadata)
		delete(f.Image, body.Unset.Key)
		if bytes.Contains(text, []byte("os-unreserve")) {
			f.Volume["status"] = "available"
		}
		if bytes.Contains(text, []byte("os-set_bootable")) {
			f.Volume["bootable"] = fmt.Sprint(body.Boot.Bootable)
		}
	default:
		w.WriteHeader(404)
		fmt.Fprintf(w,
			`{"itemNotFound": {"code": 404, "message": "Volume %s could not be found."}}`,
			filepath.Base(r.URL.Path))
	}
}

// page is a page of the list of volumes, which are two on each, whatever was asked for.
func (f *Cinder) page(marker string) map[string]any {
	const size = 2
	all := append([]map[string]any{f.Volume}, f.Others...)
	for i, v := range all {
		if v["id"] == marker {
			all = all[i+1:]
			break
		}
	}
	answer := map[string]any{"volumes": all[:min(size, len(all))]}
	if len(all) > size {
		answer["volumes_links"] = []any{map[string]any{"rel": "next", "href": "http://inside/"}}
	}
	return answer
}

var schemaKey = regexp.MustCompile(`^[a-zA-Z0-9-_:. /]+$`)

// schemaRefusal returns what Cinder 21.3.1 says about metadata that it refuses (extra_specs of
// cinder/api/validation/parameter_types.py).
func schemaRefusal(pairs map[string]string) string {
	for k, v := range pairs {
		switch {
		case len(k) > 255 || !schemaKey.MatchString(k):
			return fmt.Sprintf("Invalid input for field/attribute metadata. Value: %v. "+
				"Additional properties are not allowed ('%s' was unexpected)", pairs, k)
		case utf8.RuneCountInString(v) > 255:
			return fmt.Sprintf("Invalid input for field/attribute %s. Value: %s. '%s' is too long",
				k, v, v)
		}
	}
	return ""
}

// Fail has every call that changes something, from number n on, answered by fault. nil ends that.
func (f *Cinder) Fail(n int, fault func(w http.ResponseWriter)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
	if fault != nil {
		f.fault = func(w http.ResponseWriter, writes int) bool {
			if writes >= n {
				fault(w)
			}
			return writes >= n
		}
	}
}

// Alter changes what the server holds.
func (f *Cinder) Alter(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Now returns what the server holds at the moment.
func (f *Cinder) Now() (metadata, image map[string]string, bootable any, name string, writes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, _ := f.Volume["name"].(*string); n != nil {
		name = *n
	}
	return maps.Clone(f.Metadata), maps.Clone(f.Image), f.Volume["bootable"], name, f.writes
}

// Writes returns how many calls changed something.
func (f *Cinder) Writes() int {
	_, _, _, _, n := f.Now()
	return n
}
