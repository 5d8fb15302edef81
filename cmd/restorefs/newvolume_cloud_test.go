package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const cloudServer = "7ac8686c-de71-4acb-9600-ec18b1a1ed6d"

// creatingServer is a volumeServer whose volume is not there before it is
// created, and a Nova (2.1) with one server, in recorded shapes.
type creatingServer struct {
	*volumeServer
	front *httptest.Server
	dir   string // where the volume shows, as on Cinder's NFS share

	// Called before a call is answered, by its name; true when it has answered.
	before func(call string, w http.ResponseWriter) bool
	// Makes the volume's file or device, and attaches it; the usual unless set.
	make, attach, detach func() error
	becomes              string // the status after creating; "" means available
	message              string // of Cinder for the user

	lock   sync.Mutex // taken before volumeServer's
	there  bool
	record []string // names of the calls
}

func newCreatingServer(t *testing.T) *creatingServer {
	t.Helper()
	s := &creatingServer{volumeServer: newVolumeServer(t, cloudTarget, nil), dir: t.TempDir()}
	s.metadata, s.image = map[string]string{}, map[string]string{}
	s.make = func() error { return os.WriteFile(s.file(), nil, 0o640) }
	s.front = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.front.Close)
	return s
}

func (s *creatingServer) file() string { return filepath.Join(s.dir, "volume-"+cloudTarget) }

// flags are those of a run that finds the volume in dir.
func (s *creatingServer) flags(share, id string, more ...string) []string {
	return append([]string{"materialize", "--share", share, "--device-path", s.dir + "/volume-{id}", "--yes", id}, more...)
}

func (s *creatingServer) set(key string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volume[key] = value
}

func (s *creatingServer) get(key string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.volume[key]
}

// meta is a value of the volume's metadata.
func (s *creatingServer) meta(key string) (value string) {
	s.change(func(*creatingServer) { value = s.metadata[key] })
	return value
}

// calls lists the calls that change something, and the search.
func (s *creatingServer) calls() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return strings.Join(s.record, " ")
}

// name names a call that is not volumeServer's own.
func callName(r *http.Request, body string) string {
	root := "/v3/" + cloudProject
	switch call := r.Method + " " + r.URL.Path; {
	case call == "POST "+root+"/volumes":
		return "create"
	case call == "GET "+root+"/volumes/detail":
		return "search"
	case call == "GET "+root+"/messages":
		return "messages"
	case call == "GET "+root+"/types":
		return "types"
	case call == "DELETE "+root+"/volumes/"+cloudTarget:
		return "delete"
	case strings.HasPrefix(call, "DELETE "+root+"/volumes/"+cloudTarget+"/metadata/"):
		return "forget"
	case strings.Contains(body, `"restorefs_reserved"`):
		return "mark"
	case strings.Contains(body, `"os-reserve"`):
		return "reserve"
	case strings.Contains(body, `"os-unreserve"`):
		return "unreserve"
	case call == "GET "+root+"/volumes/"+cloudTarget:
		return "get"
	case strings.HasPrefix(call, "GET /nova/servers/"):
		return "server"
	case call == "POST /nova/servers/"+cloudServer+"/os-volume_attachments":
		return "attach"
	case call == "DELETE /nova/servers/"+cloudServer+"/os-volume_attachments/"+cloudTarget:
		return "detach"
	case r.Method != http.MethodGet:
		return "metadata"
	}
	return ""
}

func (s *creatingServer) answer(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	name := callName(r, string(text))
	s.lock.Lock()
	defer s.lock.Unlock()
	if !slices.Contains([]string{"", "get", "messages", "types", "server"}, name) && (name != "metadata" || !slices.Contains(s.record, name)) {
		s.record = append(s.record, name)
	}
	if s.before != nil && s.before(name, w) {
		return
	}
	fail := func(err error) bool {
		if err != nil {
			w.WriteHeader(500)
			fmt.Fprintf(w, `{"computeFault": {"code": 500, "message": %q}}`, err)
		}
		return err != nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case "create":
		var body struct{ Volume map[string]any }
		json.Unmarshal(text, &body)
		s.there = true
		maps.Copy(s.volume, body.Volume)
		for k, v := range body.Volume["metadata"].(map[string]any) {
			s.metadata[k] = v.(string)
		}
		if fail(s.make()) {
			return
		}
		if info, err := os.Stat(s.file()); err == nil && info.Size() == 0 {
			os.Truncate(s.file(), int64(body.Volume["size"].(float64))<<30)
		}
		s.volume["status"] = "creating"
		w.WriteHeader(202)
		s.show(w, "volume", s.volume)
	case "get":
		if !s.there {
			w.WriteHeader(404)
			io.WriteString(w, `{"itemNotFound": {"code": 404, "message": "Volume could not be found."}}`)
			return
		}
		s.show(w, "volume", s.volume)
		if s.volume["status"] == "creating" && s.becomes != "creating" {
			s.volume["status"] = "available"
			if s.becomes != "" {
				s.volume["status"] = s.becomes
			}
		}
	case "search":
		if s.there {
			s.show(w, "volumes", s.volume)
		} else {
			io.WriteString(w, `{"volumes": []}`)
		}
	case "messages":
		fmt.Fprintf(w, `{"messages": [{"resource_uuid": %q, "user_message": %q}]}`, cloudTarget, s.message)
	case "types":
		io.WriteString(w, `{"volume_types": [{"id": "51260d28-399e-4c8b-ad10-1ad9bf0e132d", "name": "LUKS"}, {"id": "22222222-0000-4000-8000-000000000000", "name": "gold"}]}`)
	case "delete":
		s.there = false
		os.Remove(s.file())
		w.WriteHeader(202)
	case "forget":
		delete(s.metadata, path.Base(r.URL.Path))
	case "reserve":
		s.volume["status"] = "attaching"
		w.WriteHeader(202)
	case "unreserve":
		s.volume["status"] = "available"
		w.WriteHeader(202)
	case "server":
		fmt.Fprintf(w, `{"server": {"id": %q, "name": "rescue", "status": "ACTIVE", "tenant_id": %q, "addresses": {}, "links": []}}`, cloudServer, cloudProject)
	case "attach":
		if fail(s.attach()) {
			return
		}
		s.volume["status"] = "in-use"
		s.volume["attachments"] = []any{map[string]any{"server_id": cloudServer, "attachment_id": otherVolume, "volume_id": cloudTarget, "device": "/dev/vdb"}}
		fmt.Fprintf(w, `{"volumeAttachment": {"id": %q, "volumeId": %q, "serverId": %q, "device": "/dev/vdb"}}`, cloudTarget, cloudTarget, cloudServer)
	case "detach":
		if fail(s.detach()) {
			return
		}
		s.volume["status"], s.volume["attachments"] = "available", nil
		w.WriteHeader(202)
	default:
		s.mu.Unlock() // volumeServer takes it
		s.serve(w, r)
		s.mu.Lock()
	}
}

// show writes a volume as Cinder does, alone or in a list.
func (s *creatingServer) show(w http.ResponseWriter, key string, volume map[string]any) {
	v := maps.Clone(volume)
	v["id"], v["metadata"], v["volume_image_metadata"] = cloudTarget, s.metadata, s.image
	var value any = v
	if key == "volumes" {
		value = []any{v}
	}
	json.NewEncoder(w).Encode(map[string]any{key: value})
}

// start is a run of restorefs in that cloud.
func (s *creatingServer) start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{cmd: program(t, args...)}
	r.cmd.Dir = t.TempDir()
	for _, pair := range r.cmd.Env {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OS_") {
			r.cmd.Env = append(r.cmd.Env, name+"=")
		}
	}
	r.cmd.Env = append(r.cmd.Env, "OS_AUTH_TYPE=noauth", "OS_PROJECT_ID="+cloudProject, "OS_VOLUME_ENDPOINT="+s.front.URL+"/v3",
		"OS_COMPUTE_ENDPOINT="+s.front.URL+"/nova")
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

type running struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func (r *running) wait(t *testing.T) (stdout, stderr string, code int) {
	t.Helper()
	var exit *exec.ExitError
	if err := r.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r.stdout.String(), r.stderr.String(), r.cmd.ProcessState.ExitCode()
}

// run is start and wait.
func (s *creatingServer) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return s.start(t, args...).wait(t)
}

// change looks at the server or changes it, between answers.
func (s *creatingServer) change(f func(*creatingServer)) {
	s.lock.Lock()
	defer s.lock.Unlock()
	f(s)
}

// refuse lets the calls of some names fail. It is for change.
func (s *creatingServer) refuse(status int, names ...string) {
	s.before = func(call string, w http.ResponseWriter) bool {
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
