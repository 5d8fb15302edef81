package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// applicationCredential has Keystone make an application credential for a user.
func applicationCredential(t *testing.T, s *session) (id, secret string) {
	t.Helper()
	do := func(method, path string, body string, status int, result any) {
		t.Helper()
		req, err := http.NewRequest(method, s.cloud.keystone+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Auth-Token", s.token)
		req.Header.Set("X-Subject-Token", s.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(result); err != nil ||
			resp.StatusCode != status {
			t.Fatalf("%s %s: %s %v", method, path, resp.Status, err)
		}
	}
	var self struct {
		Token struct{ User struct{ ID string } }
	}
	do("GET", "/auth/tokens", "", 200, &self)
	var made struct {
		Credential struct{ ID, Secret string } `json:"application_credential"`
	}
	do("POST", "/users/"+self.Token.User.ID+"/application_credentials",
		`{"application_credential": {"name": "restore", "secret": "s3cret"}}`, 201, &made)
	return made.Credential.ID, made.Credential.Secret
}

func TestARealCloudsPlainMemberCanRestore(t *testing.T) {
	c := needCloud(t)
	s := c.mustLogin(t, "demo")
	content := storetest.Disk(1<<20, 30)
	volume := s.newVolume(t, object{"name": "n", "metadata": object{"k": "v"}})
	c.fill(t, volume, content)
	backup := s.backup(t, volume, false)
	base := []string{"materialize", "--share", c.backups}

	t.Run("with each kind of credentials", func(t *testing.T) {
		scope := []string{"OS_AUTH_URL=" + c.keystone, "OS_PROJECT_NAME=demo",
			"OS_PROJECT_DOMAIN_NAME=Default"}
		id, secret := applicationCredential(t, s)
		clouds := filepath.Join(t.TempDir(), "clouds.yaml")
		yaml := fmt.Sprintf(
			"clouds:\n  prod:\n    region_name: RegionOne\n    auth:\n      auth_url: %s\n      username: demo\n      password: demo\n"+
				"      project_name: demo\n      user_domain_name: Default\n      project_domain_name: Default\n", c.keystone)
		if err := os.WriteFile(clouds, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, env := range map[string][]string{
			"clouds.yaml": {"OS_CLIENT_CONFIG_FILE=" + clouds, "OS_CLOUD=prod"},
			"token":       append(scope, "OS_AUTH_TYPE=token", "OS_TOKEN="+s.token),
			"application credential": {"OS_AUTH_URL=" + c.keystone,
				"OS_AUTH_TYPE=v3applicationcredential", "OS_APPLICATION_CREDENTIAL_ID=" + id,
				"OS_APPLICATION_CREDENTIAL_SECRET=" + secret},
		} {
			t.Run(name, func(t *testing.T) {
				target := s.newVolume(t, nil)
				stdout, stderr, code := withEnv(t, env, append(base, "--volume", target,
					"--metadata-only", backup)...)
				if view := s.view(t, target); code != 0 || view["name"] != "n" ||
					view["metadata"].(object)["k"] != "v" {
					t.Errorf("exit %d: %s%s\n%v", code, stdout, stderr, view)
				}
			})
		}
		env := append(scope, "OS_USERNAME=demo", "OS_PASSWORD=wr0ng", "OS_USER_DOMAIN_NAME=Default")
		if _, stderr, code := withEnv(t, env, append(base, "--volume", volume, "--metadata-only",
			backup)...); code != 1 || !strings.Contains(stderr, "401") ||
			strings.Contains(stderr, "wr0ng") {
			t.Errorf("a wrong password: exit %d: %s", code, stderr)
		}
	})
	t.Run("to a new volume, which is reserved meanwhile", func(t *testing.T) {
		h := &history{user: s}
		id := h.materialize(t, moment{backup: backup})
		c.sameContent(t, id, content, 1)
	})
	t.Run("to a volume that is there, which is marked and reserved meanwhile", func(t *testing.T) {
		id := s.newVolume(t, object{"metadata": object{"own": "x"}})
		_, stderr := s.must(t, append(base, "--volume", id, "--device-path", c.disk("{id}"),
			"--no-metadata", "--yes", backup)...)
		view := s.view(t, id)
		if m := view["metadata"].(object); m["own"] != "x" || len(m) != 1 ||
			strings.Contains(stderr, "cannot be") {
			t.Errorf("%v: %s", view, stderr)
		}
		c.sameContent(t, id, content, 1)
	})
	t.Run("and go on where a run was killed", func(t *testing.T) {
		for _, mark := range []string{"restorefs_run", "restorefs_reserved"} {
			id := s.newVolume(t, object{"metadata": object{mark: "X"}})
			s.call(t, "POST", "/volumes/"+id+"/action", object{"os-reserve": nil}, 202, nil)
			s.must(t, append(base, "--volume", id, "--device-path", c.disk("{id}"), "--yes",
				backup)...)
			if view := s.view(t, id); view["metadata"].(object)[mark] != nil ||
				view["name"] != "n" {
				t.Errorf("%v", view)
			}
			var now struct{ Volume struct{ Status string } }
			if s.call(t, "GET", "/volumes/"+id, nil, 200, &now); now.Volume.Status != "available" {
				t.Errorf("%v", now)
			}
			c.sameContent(t, id, content, 1)
		}
	})
	t.Run("and have what failed cleaned up", func(t *testing.T) {
		share, container := t.TempDir(), filepath.Join(backup[:2], backup[2:4], backup)
		if err := os.CopyFS(filepath.Join(share, container),
			os.DirFS(filepath.Join(c.backups, container))); err != nil {
			t.Fatal(err)
		}
		objects, err := filepath.Glob(filepath.Join(share, container, "*-00001"))
		if err != nil || len(objects) != 1 {
			t.Fatal(objects, err)
		}
		if err := os.Truncate(objects[0], 1000); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := s.restorefs(t, "materialize", "--share", share, "--new-volume",
			"--device-path", c.disk("{id}"), "--cleanup", "--yes", backup)
		_, after, _ := strings.Cut(stderr, "created volume ")
		id, _, _ := strings.Cut(after, ",")
		if code != 3 || id == "" || !strings.Contains(stderr, "is deleted again") {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		var left struct{ Volumes []struct{ ID, Status string } }
		s.call(t, "GET", "/volumes/detail", nil, 200, &left)
		for _, v := range left.Volumes {
			if v.ID == id && v.Status != "deleting" {
				t.Errorf("%v", v)
			}
		}
	})
	t.Run("but not to another project's volume", func(t *testing.T) {
		other := c.mustLogin(t, "admin").newVolume(t, nil)
		_, stderr, code := s.restorefs(t, append(base, "--volume", other, "--yes", backup,
			c.disk(other))...)
		if code != 1 || !strings.Contains(stderr, "404") || !strings.Contains(stderr, other) {
			t.Errorf("exit %d: %s", code, stderr)
		}
		c.sameContent(t, other, storetest.Zeros(0), 1)
	})
	t.Run("but only an admin can import records", func(t *testing.T) {
		// One that this Cinder does not know.
		share := t.TempDir()
		b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("member"),
			VolumeID: storetest.ID("member's volume"), Content: content})
		_, stderr, code := s.restorefs(t, "records", "--share", share, "--any-project", "--import",
			b.ID)
		if code != 1 || !strings.Contains(stderr, "403") ||
			!strings.Contains(stderr, "takes an admin") ||
			!strings.Contains(stderr, "backup:backup-import") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		s.call(t, "GET", "/backups/"+b.ID, nil, 404, nil)
	})
}
