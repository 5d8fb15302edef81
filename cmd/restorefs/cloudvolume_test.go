package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
)

// volumeServer is a fake Cinder with one volume.
type volumeServer = cloudtest.Cinder

func newVolumeServer(t *testing.T, id string, volume map[string]any) *volumeServer {
	t.Helper()
	f := cloudtest.NewCinder(id, volume)
	t.Cleanup(f.Close)
	return f
}

const cloudProject = cloudtest.Project

// inCloud runs restorefs with the credentials of a fake Cinder.
func inCloud(t *testing.T, url string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, args...)
	cmd.Dir = t.TempDir()
	for _, pair := range cmd.Env {
		if !strings.HasPrefix(pair, "OS_") {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		cmd.Env = append(cmd.Env, name+"=")
	}
	cmd.Env = append(cmd.Env, "OS_AUTH_TYPE=noauth", "OS_PROJECT_ID="+cloudProject,
		"OS_VOLUME_ENDPOINT="+url+"/v3")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Run()
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

const (
	cloudTarget = "16cc6e5f-3ed7-43a6-8d37-6125fb65d94d"
	otherVolume = "26cc6e5f-3ed7-43a6-8d37-6125fb65d94d"
)

// cloudBackup makes a share with a small backup of that volume.
func cloudBackup(t *testing.T, v storetest.Volume) (share, id string) {
	t.Helper()
	share = t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("cloud"),
		VolumeID: storetest.ID("cloud volume"), Content: storetest.Disk(1<<20, 3), Volume: v})
	return share, b.ID
}

// volumeFile makes a file that may be the volume of a volumeServer: blank, of a GiB.
func volumeFile(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMaterializeRestoresTheVolumesMetadata(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "näme", Description: "two\nlines",
		Metadata: map[string]string{"a": "1"}, ImageMetadata: map[string]string{"os": "debian"},
		Bootable: true})
	f := newVolumeServer(t, cloudTarget, nil)
	target := volumeFile(t, "volume-"+cloudTarget)
	stdout, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--volume",
		cloudTarget, "--dry-run", id, target)
	if code != 0 || f.Writes() > 0 || !strings.Contains(stdout,
		`change    metadata "own" is "x", should be nothing`) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = inCloud(t, f.URL, "materialize", "--share", share, "--volume",
		cloudTarget, "--json", id, target)
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 ||
		result.Volume == nil || !result.Volume.Restored || result.Volume.ID != cloudTarget ||
		!result.Verified {
		t.Fatalf("exit %d: %v %s%s", code, err, stdout, stderr)
	}
	if !strings.Contains(stderr, "volume  "+cloudTarget+", 1 GiB, available\n") {
		t.Errorf("the operator is not told of the volume: %s", stderr)
	}
	want := map[string]string{"a": "1", "src_backup_id": id}
	if metadata, image, bootable, name, _ := f.Now(); name != "näme" || bootable != "true" ||
		!maps.Equal(metadata, want) || !maps.Equal(image, map[string]string{"os": "debian"}) {
		t.Errorf("%q %v %v %v", name, bootable, metadata, image)
	}
	if _, err := os.Stat(target + ".metadata.json"); err == nil {
		t.Error("a file beside the volume, where it may be Cinder's directory")
	}
}

func TestAVolumeIsCheckedBeforeAnythingIsWritten(t *testing.T) {
	firstPass(t)
	plain, plainID := cloudBackup(t, storetest.Volume{GiB: 2})
	secret, secretID := cloudBackup(t,
		storetest.Volume{EncryptionKeyID: "4b5d7e4e-4a6b-4a53-a8f1-0d9f0e4bd2f0"})
	share, id := cloudBackup(t, storetest.Volume{})
	for name, test := range map[string]struct {
		share, id string
		volume    map[string]any
		flags     []string
		target    string
		want      string
		code      int
	}{
		"too small": {plain, plainID, nil, nil, "t",
			"it has 1 GiB, the backup's volume 2 GiB: extend it", 4},
		"no such volume": {share, id, nil, []string{"--volume", otherVolume}, "t",
			"get the record of volume " + otherVolume + ": 404 Not Found: Volume " + otherVolume,
			1},
		"another volume": {share, id, nil, nil, "volume-" + otherVolume, "it is volume " +
			otherVolume, 4},
		"another, by its serial": {share, id, nil, nil, "virtio-" + otherVolume[:20],
			"it is volume " + otherVolume[:20], 4},
		"busy": {share, id, map[string]any{"status": "backing-up"}, nil, "t",
			"its status is backing-up: wait", 4},
		"attached to a server": {share, id, map[string]any{"status": "in-use",
			"attachments": []any{map[string]any{"server_id": otherVolume, "host_name": nil}}}, nil,
			"t", "it is attached to server " + otherVolume + ": detach it first", 4},
		"attached to a host": {share, id, map[string]any{"status": "in-use",
			"attachments": []any{map[string]any{"server_id": nil, "host_name": "elsewhere"}}}, nil,
			"t", "it is attached to host elsewhere", 4},
		"encrypted onto plain": {secret, secretID, nil, nil, "t",
			"the backup is of an encrypted volume", 4},
		"encrypted, other type": {secret, secretID,
			map[string]any{"encrypted": true, "volume_type_id": "other"}, nil, "t",
			"of the same volume type", 4},
		"plain onto encrypted": {share, id, map[string]any{"encrypted": true}, nil, "t",
			"it is encrypted, the backup is not", 4},
		"checked without metadata": {plain, plainID, nil, []string{"--no-metadata"}, "t",
			"it has 1 GiB", 4},
		"stdout": {share, id, nil, nil, "-",
			"--volume goes with a TARGET that is the volume", 2},
		"a rule that there is not": {share, id, nil, []string{"--metadata-rule", "x"}, "t",
			"--metadata-rule is backup or cinder", 2},
		"nothing left to do": {share, id, nil, []string{"--no-metadata", "--metadata-only"},
			"t", "leave nothing to do", 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newVolumeServer(t, cloudTarget, test.volume)
			target := test.target
			if target != "-" {
				target = filepath.Join(t.TempDir(), target)
			}
			args := append([]string{"materialize", "--share", test.share, "--volume", cloudTarget,
				test.id, target}, test.flags...)
			_, stderr, code := inCloud(t, f.URL, args...)
			if code != test.code || !strings.Contains(stderr, test.want) || f.Writes() > 0 {
				t.Errorf("exit %d: %s", code, stderr)
			}
			if _, err := os.Stat(target); err == nil {
				t.Error("the target was made")
			}
		})
	}
	t.Run("flags for a volume that is not named", func(t *testing.T) {
		_, stderr, code := restorefs(t, "materialize", "--share", share, "--metadata-rule",
			"cinder", id, filepath.Join(t.TempDir(), "t"))
		if code != 2 || !strings.Contains(stderr, "say which with --volume ID") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
	t.Run("no cloud there", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "t")
		_, stderr, code := restorefs(t, "materialize", "--share", share, "--volume", cloudTarget,
			"--os-cloud", "nowhere", id, target)
		if _, err := os.Stat(target); code != 1 || err == nil ||
			!strings.Contains(stderr, "clouds.yaml") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
}

// Whatever the cloud does after the data is written, the data is not reported as lost, and the
// printed command does the rest.
func TestAFaultOfTheCloudIsMadeGoodByThePrintedCommand(t *testing.T) {
	firstPass(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "n", Metadata: map[string]string{"a": "1"},
		ImageMetadata: map[string]string{"os": "debian"}, Bootable: true})
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"fault": {"code": %d, "message": "oh dear"}}`, code)
		}
	}
	for name, fault := range map[string]func(http.ResponseWriter){
		"401 Unauthorized": status(401), "403 Forbidden": status(403), "404 Not Found": status(404),
		"409 Conflict":                 status(409),
		"413 Request Entity Too Large": status(413), "500 Internal Server Error": status(500),
	} {
		t.Run(name, func(t *testing.T) {
			f := newVolumeServer(t, cloudTarget, nil)
			f.Fail(2, fault)
			target := volumeFile(t, "disk")
			stdout, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--volume",
				cloudTarget, id, target)
			if code != 5 || !strings.Contains(stdout, "restored backup "+id) ||
				!strings.Contains(stderr,
					"the data is restored and verified; the metadata of volume "+cloudTarget) ||
				!strings.Contains(stderr, name+": oh dear (req-7)") {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			f.Fail(0, nil)
			args := []string{"materialize", "--metadata-only", "--share", share, "--volume",
				cloudTarget, id}
			if !strings.Contains(stderr, strings.Join(args, " ")) {
				t.Errorf("no command to run again: %s", stderr)
			}
			if stdout, stderr, code := inCloud(t, f.URL, args...); code != 0 ||
				!strings.Contains(stdout, "restored the metadata of volume "+cloudTarget) {
				t.Errorf("again: exit %d: %s%s", code, stdout, stderr)
			}
			if metadata, image, bootable, _, _ := f.Now(); metadata["a"] != "1" ||
				len(metadata) != 2 || !maps.Equal(image, map[string]string{"os": "debian"}) ||
				bootable != "true" {
				t.Errorf("%v %v %v", bootable, metadata, image)
			}
		})
	}
	t.Run("a cloud that is gone", func(t *testing.T) {
		f := newVolumeServer(t, cloudTarget, nil)
		f.Fail(1, func(w http.ResponseWriter) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
			}
		})
		cmd := program(t, "materialize", "--share", share, "--volume", cloudTarget, "--json", id,
			volumeFile(t, "disk"))
		cmd.Dir = t.TempDir()
		cmd.Env = append(cmd.Env, "OS_AUTH_TYPE=noauth", "OS_PROJECT_ID="+cloudProject,
			"OS_VOLUME_ENDPOINT="+f.URL+"/v3")
		logged := &waiting{want: "trying again", then: make(chan struct{})}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, logged
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-logged.then
		cmd.Process.Signal(os.Interrupt) // only the operator ends the wait
		cmd.Wait()
		var result attended.Result
		if err := json.Unmarshal(out.Bytes(), &result); err != nil ||
			cmd.ProcessState.ExitCode() != 5 || !result.Verified || result.Volume.Restored ||
			result.Volume.Error == "" || !strings.HasPrefix(result.Volume.Again,
			"restorefs materialize --metadata-only --share ") {
			t.Errorf("exit %d: %v %s%s", cmd.ProcessState.ExitCode(), err, out.String(),
				logged.text.String())
		}
	})
}

// waiting closes a channel when the wanted text is written to it.
type waiting struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	then chan struct{}
	done bool
}

func (w *waiting) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if !w.done && strings.Contains(w.text.String(), w.want) {
		w.done = true
		close(w.then)
	}
	return len(p), nil
}

func TestWhatTheAPIRefusesIsListedAndKept(t *testing.T) {
	long := strings.Repeat("x", 300)
	share, id := cloudBackup(t, storetest.Volume{Metadata: map[string]string{"ünï": "1", "a": "1"},
		ImageMetadata: map[string]string{"long": long}})
	f := newVolumeServer(t, cloudTarget, nil)
	dir, env := t.TempDir(), []string{"OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=" + cloudProject,
		"OS_VOLUME_ENDPOINT=" + f.URL + "/v3"}
	cmd := program(t, "materialize", "--share", share, "--volume", cloudTarget, "--metadata-only",
		id)
	cmd.Dir, cmd.Env = dir, append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput()
	for _, want := range []string{`left: metadata "ünï" is nothing, should be "1"`,
		`left: image_metadata "long" is nothing`, "(300 characters)", "' is too long (req-7)",
		"except for 2 things", cloudTarget + ".metadata-left.json"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(cmd.Dir, cloudTarget+".metadata-left.json"))
	metadata, _, _, _, _ := f.Now()
	if err != nil || cmd.ProcessState.ExitCode() != 5 || !bytes.Contains(text, []byte(long)) ||
		bytes.Contains(text, []byte(`"a"`)) || metadata["a"] != "1" {
		t.Errorf("exit %d: %v %s %v", cmd.ProcessState.ExitCode(), err, text, metadata)
	}
	// An administrator does the rest in the database; then the file goes.
	again := func() (string, int) {
		cmd := program(t, "materialize", "--share", share, "--volume", cloudTarget,
			"--metadata-only", id)
		cmd.Dir, cmd.Env = dir, append(cmd.Env, env...)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	file := filepath.Join(dir, cloudTarget+".metadata-left.json")
	f.Alter(func() { f.Metadata["ünï"] = "1" })
	said, code := again()
	if text, err := os.ReadFile(file); code != 5 || err != nil ||
		bytes.Contains(text, []byte("ünï")) || !bytes.Contains(text, []byte(long)) {
		t.Errorf("exit %d: %s%v %s", code, said, err, text)
	}
	f.Alter(func() { f.Image["long"] = long })
	said, code = again()
	if _, err := os.Stat(file); code != 0 || !os.IsNotExist(err) ||
		!strings.Contains(said, "removed "+filepath.Base(file)) {
		t.Errorf("exit %d: %s%v", code, said, err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, code = again(); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("a file that is not ours is gone")
	}
}
