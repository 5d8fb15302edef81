package cloudtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Ids in the cloud.
const (
	VolumeID = "16cc6e5f-3ed7-43a6-8d37-6125fb65d94d"
	ServerID = "7ac8686c-de71-4acb-9600-ec18b1a1ed6d"
)

// Cloud is a Cinder whose volume does not exist before it is created, and a Nova (2.1) with one
// server. Their answers have recorded shapes.
type Cloud struct {
	*Cinder

	Dir string // directory of the volume, like Cinder's NFS share

	// Use Change to change these.

	// Before is called with the name of each call before that is answered; true if it has answered.
	Before func(call string, w http.ResponseWriter) bool
	// Make makes the volume's file or device; Attach and Detach attach and detach that.
	Make, Attach, Detach func() error
	Becomes              string // the status after creating; "" means available
	Message              string // from Cinder to the user
	There                bool   // the volume exists

	front  *httptest.Server
	lock   sync.Mutex // taken before Cinder's
	record []string   // names of the calls
}

// NewCloud starts the servers; the volume appears in dir. The caller closes it.
func NewCloud(dir string) *Cloud {
	s := &Cloud{Cinder: NewCinder(VolumeID, nil), Dir: dir}
	s.Metadata, s.Image = map[string]string{}, map[string]string{}
	s.Make = func() error { return os.WriteFile(s.File(), nil, 0o640) }
	s.front = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Close ends the servers.
func (s *Cloud) Close() {
	s.front.Close()
	s.Cinder.Close()
}

// Env returns the variables of an openrc with which programs find the cloud.
func (s *Cloud) Env() []string {
	return []string{
		"OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=" + Project,
		"OS_VOLUME_ENDPOINT=" + s.front.URL + "/v3", "OS_COMPUTE_ENDPOINT=" + s.front.URL + "/nova",
	}
}

// File returns the path of the volume's file.
func (s *Cloud) File() string { return filepath.Join(s.Dir, "volume-"+VolumeID) }

// Set changes what Cinder shows of the volume.
func (s *Cloud) Set(key string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Volume[key] = value
}

// Get returns what Cinder shows of the volume.
func (s *Cloud) Get(key string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Volume[key]
}

// Meta returns a value of the volume's metadata.
func (s *Cloud) Meta(key string) (value string) {
	s.Change(func(*Cloud) { value = s.Metadata[key] })
	return value
}

// Calls lists the calls that changed something, and the searches.
func (s *Cloud) Calls() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return strings.Join(s.record, " ")
}

// callName names a call that is not Cinder's own.
func callName(r *http.Request, body string) string {
	const volumes = "/v3/" + Project + "/volumes"
	const attachments = "/nova/servers/" + ServerID + "/os-volume_attachments"
	call := r.Method + " " + r.URL.Path
	name := map[string]string{
		"POST " + volumes:                        "create",
		"GET " + volumes + "/detail":             "search",
		"GET " + volumes + "/" + VolumeID:        "get",
		"DELETE " + volumes + "/" + VolumeID:     "delete",
		"GET /v3/" + Project + "/messages":       "messages",
		"GET /v3/" + Project + "/types":          "types",
		"POST " + attachments:                    "attach",
		"DELETE " + attachments + "/" + VolumeID: "detach",
	}[call]
	switch {
	case name != "":
		return name
	case strings.HasPrefix(call, "DELETE "+volumes+"/"+VolumeID+"/metadata/"):
		return "forget"
	case strings.Contains(body, `"restorefs_reserved"`):
		return "mark"
	case strings.Contains(body, `"os-reserve"`):
		return "reserve"
	case strings.Contains(body, `"os-unreserve"`):
		return "unreserve"
	case strings.HasPrefix(call, "GET /nova/servers/"):
		return "server"
	case r.Method != http.MethodGet:
		return "metadata"
	}
	return ""
}

func (s *Cloud) serve(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	name := callName(r, string(text))
	s.lock.Lock()
	defer s.lock.Unlock()
	if !slices.Contains([]string{"", "get", "messages", "types", "server"}, name) &&
		(name != "metadata" || !slices.Contains(s.record, name)) {
		s.record = append(s.record, name)
	}
	if s.Before != nil && s.Before(name, w) {
		return
	}
	if answer := s.answers()[name]; answer != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, path.Base(r.URL.Path), text)
		return
	}
	s.Cinder.serve(w, r)
}

// answers answer calls by their names; last is the end of the path.
func (s *Cloud) answers() map[string]func(w http.ResponseWriter, last string, body []byte) {
	status := func(status string) func(http.ResponseWriter, string, []byte) {
		return func(w http.ResponseWriter, _ string, _ []byte) {
			s.Volume["status"] = status
			w.WriteHeader(202)
		}
	}
	return map[string]func(http.ResponseWriter, string, []byte){
		"create": s.create, "get": s.get, "attach": s.attach, "detach": s.detach,
		"reserve": status("attaching"), "unreserve": status("available"),
		"search": func(w http.ResponseWriter, _ string, _ []byte) {
			if s.There {
				s.show(w, "volumes", s.Volume)
				return
			}
			io.WriteString(w, `{"volumes": []}`)
		},
		"delete": func(w http.ResponseWriter, _ string, _ []byte) {
			s.There = false
			os.Remove(s.File())
			w.WriteHeader(202)
		},
		"forget": func(_ http.ResponseWriter, key string, _ []byte) { delete(s.Metadata, key) },
		"messages": func(w http.ResponseWriter, _ string, _ []byte) {
			fmt.Fprintf(w, `{"messages": [{"resource_uuid": %q, "user_message": %q}]}`,
				VolumeID, s.Message)
		},
		"types": func(w http.ResponseWriter, _ string, _ []byte) {
			io.WriteString(w, `{"volume_types": [`+
				`{"id": "51260d28-399e-4c8b-ad10-1ad9bf0e132d", "name": "LUKS"}, `+
				`{"id": "22222222-0000-4000-8000-000000000000", "name": "gold"}]}`)
		},
		"server": func(w http.ResponseWriter, _ string, _ []byte) {
			fmt.Fprintf(w, `{"server": {"id": %q, "name": "rescue", "status": "ACTIVE", `+
				`"tenant_id": %q, `+
				`"addresses": {}, "links": []}}`, ServerID, Project)
		},
	}
}

func (s *Cloud) create(w http.ResponseWriter, _ string, text []byte) {
	var body struct{ Volume map[string]any }
	json.Unmarshal(text, &body)
	s.There = true
	maps.Copy(s.Volume, body.Volume)
	for k, v := range body.Volume["metadata"].(map[string]any) {
		s.Metadata[k] = v.(string)
	}
	if failed(w, s.Make()) {
		return
	}
	if info, err := os.Stat(s.File()); err == nil && info.Size() == 0 {
		os.Truncate(s.File(), int64(body.Volume["size"].(float64))<<30)
	}
	s.Volume["status"] = "creating"
	w.WriteHeader(202)
	s.show(w, "volume", s.Volume)
}

func (s *Cloud) get(w http.ResponseWriter, _ string, _ []byte) {
	if !s.There {
		w.WriteHeader(404)
		io.WriteString(w,
			`{"itemNotFound": {"code": 404, "message": "Volume could not be found."}}`)
		return
	}
	s.show(w, "volume", s.Volume)
	if s.Volume["status"] == "creating" && s.Becomes != "creating" {
		s.Volume["status"] = cmp.Or(s.Becomes, "available")
	}
}

func (s *Cloud) attach(w http.ResponseWriter, _ string, _ []byte) {
	if failed(w, s.Attach()) {
		return
	}
	const id = "26cc6e5f-3ed7-43a6-8d37-6125fb65d94d" // of the attachment
	s.Volume["status"] = "in-use"
	s.Volume["attachments"] = []any{map[string]any{"server_id": ServerID, "attachment_id": id,
		"volume_id": VolumeID, "device": "/dev/vdb"}}
	fmt.Fprintf(w,
		`{"volumeAttachment": {"id": %q, "volumeId": %q, "serverId": %q, "device": "/dev/vdb"}}`,
		VolumeID, VolumeID, ServerID)
}

func (s *Cloud) detach(w http.ResponseWriter, _ string, _ []byte) {
	if failed(w, s.Detach()) {
		return
	}
	s.Volume["status"], s.Volume["attachments"] = "available", nil
	w.WriteHeader(202)
}

// failed answers with an error, if there is one.
func failed(w http.ResponseWriter, err error) bool {
	if err != nil {
		w.WriteHeader(500)
		fmt.Fprintf(w, `{"computeFault": {"code": 500, "message": %q}}`, err)
	}
	return err != nil
}

// show answers with a volume as Cinder does, alone or in a list.
func (s *Cloud) show(w http.ResponseWriter, key string, volume map[string]any) {
	v := maps.Clone(volume)
	v["id"], v["metadata"], v["volume_image_metadata"] = VolumeID, s.Metadata, s.Image
	var value any = v
	if key == "volumes" {
		value = []any{v}
	}
	json.NewEncoder(w).Encode(map[string]any{key: value})
}

// Change reads or changes the server, between answers.
func (s *Cloud) Change(f func(*Cloud)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	f(s)
}

// Refuse makes the calls with these names fail. Call it in Change.
func (s *Cloud) Refuse(status int, names ...string) {
	s.Before = func(call string, w http.ResponseWriter) bool {
		if !slices.Contains(names, call) {
			return false
		}
		if status == 0 {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
			}
			return true
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"fault": {"code": %d, "message": "oh dear"}}`, status)
		return true
	}
}
