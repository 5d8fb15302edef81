package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// session is a user of a real cloud. It uses the API like any client, without code of the project.
type session struct {
	cloud   *realCloud
	user    string
	project string // id
	token   string
}

// login logs in a user: admin, or demo, an ordinary member of the project demo.
func (c *realCloud) login(user string) (*session, error) {
	s := &session{cloud: c, user: user, project: "0123456789abcdef0123456789abcdef"}
	if c.keystone == "" {
		s.token = user + ":" + s.project
		return s, nil
	}
	password := map[string]string{"admin": "secret", "demo": "demo"}[user]
	body := fmt.Sprintf(`{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": %q, "password": %q, "domain": {"id": "default"}}}},
		"scope": {"project": {"name": %q, "domain": {"id": "default"}}}}}`, user, password, user)
	resp, err := http.Post(c.keystone+"/auth/tokens", "application/json", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Token struct{ Project struct{ ID string } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != 201 {
		return nil, fmt.Errorf("log in as %s: %s, %w", user, resp.Status, err)
	}
	s.token, s.project = resp.Header.Get("X-Subject-Token"), answer.Token.Project.ID
	return s, nil
}

func (c *realCloud) mustLogin(t *testing.T, user string) *session {
	t.Helper()
	s, err := c.login(user)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request makes a call to Cinder and decodes the answer into result, if it is not
// nil.
func (s *session) request(method, path string, body any, status int, result any) error {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, s.cloud.cinder+"/"+s.project+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("X-Auth-Token", s.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "volume 3.70")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(text, result)
}

func (s *session) call(t *testing.T, method, path string, body any, status int, result any) {
	t.Helper()
	if err := s.request(method, path, body, status, result); err != nil {
		t.Fatal(err)
	}
}

type object = map[string]any

// wait waits until a volume (or backup) is available and returns it.
func (s *session) wait(t *testing.T, kind, id string) object {
	t.Helper()
	for range 1200 {
		var answer map[string]object
		s.call(t, "GET", "/"+kind+"s/"+id, nil, 200, &answer)
		switch o := answer[kind]; o["status"] {
		case "available":
			return o
		case "error", "error_restoring":
			t.Fatalf("%s %s: %v\n%s", kind, id, o, s.cloud.services[len(s.cloud.services)-1].tail())
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s %s does not become available", kind, id)
	return nil
}

// newVolume creates a volume with these properties (name, size, metadata, ...).
func (s *session) newVolume(t *testing.T, of object) (id string) {
	t.Helper()
	o := object{"size": 1}
	for k, v := range of {
		o[k] = v
	}
	var answer struct{ Volume struct{ ID string } }
	s.call(t, "POST", "/volumes", object{"volume": o}, 202, &answer)
	s.wait(t, "volume", answer.Volume.ID)
	return answer.Volume.ID
}

func (s *session) action(t *testing.T, volume, action string, arguments any) {
	t.Helper()
	s.call(t, "POST", "/volumes/"+volume+"/action", object{action: arguments}, 200, nil)
}

// disk returns the path of a volume's bytes.
func (c *realCloud) disk(volume string) string { return filepath.Join(c.volumes, "volume-"+volume) }

// fill writes the content to a volume's disk, and truncates it after that. To Cinder the volume is
// as large as before (see run_cinder.py), but a backup takes only a second.
func (c *realCloud) fill(t *testing.T, volume string, content storetest.Content) {
	t.Helper()
	f, err := os.OpenFile(c.disk(volume), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(content.Size()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.NewOffsetWriter(f, 0),
		io.NewSectionReader(content, 0, content.Size())); err != nil {
		t.Fatal(err)
	}
}

// backup makes a backup and returns its id.
func (s *session) backup(t *testing.T, volume string, incremental bool) string {
	t.Helper()
	var answer struct{ Backup struct{ ID string } }
	s.call(t, "POST", "/backups", object{"backup": object{"volume_id": volume,
		"incremental": incremental}}, 202, &answer)
	s.wait(t, "backup", answer.Backup.ID)
	return answer.Backup.ID
}

// restore has Cinder restore a backup: to a volume, or to a new one with that name, if it is not
// "".
func (s *session) restore(t *testing.T, backup, volume, name string) string {
	t.Helper()
	o := object{}
	if volume != "" {
		o["volume_id"] = volume
	}
	if name != "" {
		o["name"] = name
	}
	var answer struct {
		Restore struct {
			VolumeID string `json:"volume_id"`
		}
	}
	s.call(t, "POST", "/backups/"+backup+"/restore", object{"restore": o}, 202, &answer)
	s.wait(t, "backup", backup)
	s.wait(t, "volume", answer.Restore.VolumeID)
	return answer.Restore.VolumeID
}

// view returns all that GET shows of a volume, except for what differs between all volumes.
func (s *session) view(t *testing.T, volume string) object {
	t.Helper()
	o := s.wait(t, "volume", volume)
	for _, k := range []string{"id", "links", "created_at", "updated_at"} {
		delete(o, k)
	}
	return o
}

// sameView compares two views.
func sameView(t *testing.T, want, got object) {
	t.Helper()
	for _, o := range []object{want, got} {
		for k := range o {
			if w, g := want[k], got[k]; !reflect.DeepEqual(w, g) {
				t.Errorf("%s is %#v, should be %#v", k, g, w)
			}
		}
	}
}

// sameContent compares a volume's disk with the content, followed by zeros up to gib GiB.
func (c *realCloud) sameContent(t *testing.T, volume string, want storetest.Content, gib int64) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "want")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, io.NewSectionReader(want, 0, want.Size())); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(gib << 30); err != nil {
		t.Fatal(err)
	}
	sameDisk(t, f.Name(), c.disk(volume))
}

// env returns the variables of an openrc for the user.
func (s *session) env() []string {
	if s.cloud.keystone == "" {
		return []string{"OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=" + s.project, "OS_USERNAME=" +
			s.user, "OS_VOLUME_ENDPOINT=" + s.cloud.cinder}
	}
	return []string{"OS_AUTH_URL=" + s.cloud.keystone, "OS_USERNAME=" + s.user, "OS_PASSWORD=" +
		map[string]string{"admin": "secret", "demo": "demo"}[s.user],
		"OS_PROJECT_NAME=" + s.user, "OS_USER_DOMAIN_NAME=Default",
		"OS_PROJECT_DOMAIN_NAME=Default"}
}

// restorefs runs a command with the user's credentials.
func (s *session) restorefs(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return withEnv(t, s.env(), args...)
}

// withEnv runs a command with these variables of OpenStack and no others.
func withEnv(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, args...)
	cmd.Dir = t.TempDir() // a directory without a clouds.yaml
	var clean []string
	for _, pair := range cmd.Env {
		if !strings.HasPrefix(pair, "OS_") {
			clean = append(clean, pair)
		}
	}
	cmd.Env = append(clean, env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Run()
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that must succeed.
func (s *session) must(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := s.restorefs(t, args...)
	if code != 0 {
		t.Fatalf("restorefs %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout, stderr
}
