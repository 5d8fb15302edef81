package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Swift's account of the tests, and its key of S3.
const (
	swiftUser = "test:tester"
	swiftKey  = "testing"
)

// realStore is Debian's Swift, whose containers are buckets of S3 as well, and what Cinder's own
// drivers have written into it and onto a share.
type realStore struct {
	dir          string
	port         int
	service      *service
	made         []madeBackup
	versity      *exec.Cmd // versitygw, another server of S3; nil: it is not there
	versityInput io.Closer
	other        string // its URL
}

// madeBackup is a backup as testdata/cloud/write_backups.py tells of it.
type madeBackup struct {
	Way, Label, ID, Parent, Bucket, Key string
	Objects                             int
}

// objectStore is the store that all tests share. TestMain stops it.
var objectStore struct {
	once  sync.Once
	store *realStore
	err   error
}

// needStore returns the shared store, and sets how it is reached.
func needStore(t *testing.T) *realStore {
	t.Helper()
	needCinder(t)
	need(t, "memcached", "swift-proxy-server", "swift-object-server")
	objectStore.once.Do(func() { objectStore.store, objectStore.err = startStore() })
	if objectStore.err != nil {
		t.Fatal(objectStore.err)
	}
	s := objectStore.store
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": swiftUser, "AWS_SECRET_ACCESS_KEY": swiftKey, "AWS_REGION": "us-east-1", "AWS_PROFILE": "",
		"ST_AUTH": s.at("/auth/v1.0"), "ST_USER": swiftUser, "ST_KEY": swiftKey, "OS_CLOUD": "", "OS_AUTH_URL": "",
	} {
		t.Setenv(name, value)
	}
	return s
}

func startStore() (s *realStore, err error) {
	s = new(realStore)
	if s.dir, err = os.MkdirTemp("", "restorefs-store"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if err = s.start(); err != nil {
		return nil, err
	}
	// Nothing from the caller: no proxy, no byte code in /usr.
	made := filepath.Join(s.dir, "made")
	if err = os.Mkdir(made, 0o700); err != nil {
		return nil, err
	}
	ways := []string{"nfs=nfs", fmt.Sprintf("s3=s3,%s,%s,%s", s.at(""), swiftUser, swiftKey),
		fmt.Sprintf("swift=swift,%s,%s,%s", s.at("/auth/v1.0"), swiftUser, swiftKey)}
	if err = s.startVersity(); err != nil {
		return nil, err
	}
	if s.versity != nil {
		ways = append(ways, fmt.Sprintf("versity=s3,%s,%s,%s", s.other, swiftUser, swiftKey))
	}
	cmd := exec.Command("/usr/bin/python3", append([]string{"-W", "ignore", "testdata/cloud/write_backups.py", made},
		ways...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + s.dir, "PYTHONDONTWRITEBYTECODE=1"}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("write backups: %w: %s", err, said.String()[max(0, said.Len()-4000):])
	}
	return s, json.Unmarshal(out, &s.made)
}

// startVersity starts versitygw, if there is one: make test-stores builds it.
func (s *realStore) startVersity() error {
	program := os.Getenv("RESTOREFS_TEST_VERSITYGW")
	if program == "" {
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "versity")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	// It ends when its input does, even if this process is killed.
	const run = `"$@" </dev/null & cat; kill -9 $!`
	s.other, s.versity = "http://"+at, exec.Command("sh", "-c", run, "sh", program, "-q", "--port", at, "posix", data)
	if s.versityInput, err = s.versity.StdinPipe(); err != nil {
		return err
	}
	s.versity.Env = []string{"PATH=/usr/bin:/bin", "ROOT_ACCESS_KEY=" + swiftUser, "ROOT_SECRET_KEY=" + swiftKey, "HOME=" + s.dir}
	if err := s.versity.Start(); err != nil {
		s.versity = nil
		return err
	}
	for range 300 {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			return conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("versitygw does not listen on %s", at)
}

// start starts the server, anew if it ran before.
func (s *realStore) start() (err error) {
	state := filepath.Join(s.dir, "swift")
	if err := os.RemoveAll(filepath.Join(state, "conf")); err != nil {
		return err
	}
	if s.service, err = startService(state, "swift", fmt.Sprintf("127.0.0.1:%d", s.port)); err == nil {
		err = s.service.ready()
	}
	return err
}

func (s *realStore) stop() {
	if s.service != nil {
		s.service.stop()
	}
	if s.versity != nil {
		s.versityInput.Close()
		s.versity.Wait()
	}
	os.RemoveAll(s.dir)
}

// at is the URL of a path on the server.
func (s *realStore) at(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path) }

// signal sends a signal to the server's process.
func (s *realStore) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	parent := s.service.cmd.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
	var pid int
	if _, scanErr := fmt.Sscan(string(text), &pid); err != nil || scanErr != nil {
		t.Fatal(err, scanErr)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// shares returns the flags of the buckets as a way reaches them.
func (s *realStore) shares(way, at string) []string {
	switch way {
	case "s3", "versity":
		query := "?endpoint=" + url.QueryEscape(at)
		return []string{"--share", "s3://volumebackups" + query, "--share", "s3://otherbucket" + query}
	case "swift":
		query := "?storage=" + url.QueryEscape(at+"/v1/AUTH_test")
		return []string{"--share", "swift://volumebackups" + query, "--share", "swift://otherbucket" + query}
	}
	return []string{"--share", filepath.Join(s.dir, "made", "nfs")}
}

// TestBackupsInRealStoresAreWhatCinderRestores: by s3:// and swift:// the backups of Cinder's own
// drivers give what these drivers restore, and what the share gives that the NFS driver wrote.
func TestBackupsInRealStoresAreWhatCinderRestores(t *testing.T) {
	s := needStore(t)
	images := map[string]string{} // by label, as the NFS driver has it
	ways := []string{"nfs", "s3", "swift"}
	if s.versity != nil {
		ways = append(ways, "versity")
	}
	for _, way := range ways {
		at := s.at("")
		if way == "versity" {
			at = s.other
		}
		on := func(command string, words ...string) []string {
			return append(append([]string{command}, s.shares(way, at)...), words...)
		}
		out, errs, code := restorefs(t, on("list", "--json")...)
		var listed []struct{ ID, State string }
		if err := json.Unmarshal([]byte(out), &listed); err != nil || code != 0 {
			t.Fatalf("%s: %v %s %d", way, err, errs, code)
		}
		// Those of both drivers are in the same containers.
		states := map[string]string{}
		for _, b := range listed {
			states[b.ID] = b.State
		}
		if out, errs, code := restorefs(t, on("verify")...); code != 0 {
			t.Errorf("%s: verify: %s%s %d", way, out, errs, code)
		}
		for _, b := range s.made {
			if b.Way != way {
				continue
			}
			if states[b.ID] != "complete" {
				t.Errorf("%s: %s is %q", way, b.Label, states[b.ID])
			}
			if b.Label == "chain 0" {
				continue // chain 1 and 2 have it
			}
			target := filepath.Join(t.TempDir(), "disk")
			if _, errs, code := restorefs(t, on("materialize", "--yes", b.ID, target)...); code != 0 {
				t.Errorf("%s: %s: %s %d", way, b.Label, errs, code)
				continue
			}
			want, err := os.ReadFile(filepath.Join(s.dir, "made", "restored", b.ID))
			if err != nil {
				t.Fatal(err)
			}
			got := beginning(t, target, len(want))
			if len(want) < 100<<10 || got != string(want) {
				t.Errorf("%s: %s is not what Cinder restores", way, b.Label)
			}
			if way == "nfs" {
				images[b.Label] = got
			} else if got != images[b.Label] {
				t.Errorf("%s: %s is not what the NFS driver has", way, b.Label)
			}
			if err := os.Remove(target); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// beginning returns the first bytes of a file, behind which there is nothing but zeros.
func beginning(t *testing.T, path string, n int) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	if at, err := f.Seek(int64(n+4095)&^4095, 3); !errors.Is(err, syscall.ENXIO) { // SEEK_DATA
		t.Errorf("%s has data at %d: %v", path, at, err)
	}
	return string(p)
}

// TestARecordOfABackupInARealStoreIsWhatCinderHas asks for the record of the last of a chain over two
// buckets.
func TestARecordOfABackupInARealStoreIsWhatCinderHas(t *testing.T) {
	s := needStore(t)
	for _, way := range []string{"s3", "swift"} {
		var chain []madeBackup
		for _, b := range s.made {
			if b.Way == way && strings.HasPrefix(b.Label, "chain") {
				chain = append(chain, b)
			}
		}
		words := append([]string{"records", "--json", "--backup-service", "x"}, s.shares(way, s.at(""))...)
		out, errs, code := restorefs(t, append(words, chain[2].ID)...)
		var all []struct {
			Record struct {
				ID          string `json:"id"`
				Container   string `json:"container"`
				ParentID    string `json:"parent_id"`
				Key         string `json:"service_metadata"`
				ObjectCount int    `json:"object_count"`
			}
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || len(all) != len(chain) {
			t.Fatalf("%s: %v: %s%s %d", way, err, out, errs, code)
		}
		for i, b := range chain {
			if r := all[i].Record; r.ID != b.ID || r.Container != b.Bucket || r.ParentID != b.Parent || r.Key != b.Key ||
				r.ObjectCount != b.Objects {
				t.Errorf("%s: %+v, Cinder has %+v", way, r, b)
			}
		}
	}
}
