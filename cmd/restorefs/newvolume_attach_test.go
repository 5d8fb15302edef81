package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// attachable makes the server's volume a loop device, which appears when attached under the name
// that udev gives a virtio disk.
func (s *creatingServer) attachable(t *testing.T) (image string) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root for a loop device")
	}
	image = filepath.Join(s.Dir, "disk")
	const byID = "/dev/disk/by-id"
	link := filepath.Join(byID, "virtio-"+cloudTarget[:20])
	var loop string
	s.Change(func(*cloudtest.Cloud) {
		s.Make = func() error { return os.WriteFile(image, nil, 0o600) }
		s.Attach = func() error {
			if err := os.Truncate(image, 1<<30); err != nil {
				return err
			}
			out, err := exec.Command("losetup", "--find", "--show", image).CombinedOutput()
			if err != nil {
				return fmt.Errorf("losetup: %w: %s", err, out)
			}
			loop = strings.TrimSpace(string(out))
			if err := os.MkdirAll(byID, 0o755); err != nil {
				return err
			}
			return os.Symlink(loop, link)
		}
		s.Detach = func() error {
			if loop == "" {
				return errors.New("it is not attached")
			}
			os.Remove(link)
			out, err := exec.Command("losetup", "--detach", loop).CombinedOutput()
			if loop = ""; err != nil {
				return fmt.Errorf("losetup: %w: %s", err, out)
			}
			return nil
		}
	})
	t.Cleanup(func() {
		s.Change(func(*cloudtest.Cloud) {
			if loop == "" {
				return
			}
			if err := s.Detach(); err != nil {
				t.Error(err)
			}
		})
		syscall.Rmdir(byID) // if they are ours
		syscall.Rmdir(filepath.Dir(byID))
	})
	return image
}

// Not parallel, because these share a name below /dev/disk/by-id.
func TestANewVolumeIsAttachedByNova(t *testing.T) {
	firstPass(t)
	need(t, "losetup")
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	args := func(more ...string) []string {
		return append([]string{"materialize", "--share", share, "--yes", "--new-volume", "--attach",
			"--server", cloudServer, id}, more...)
	}
	t.Run("it is written, detached and available", func(t *testing.T) {
		s := newCreatingServer(t)
		image := s.attachable(t)
		stdout, stderr, code := s.run(t, args()...)
		if code != 0 || !holds(t, image, 1<<30) || s.Get("status") != "available" ||
			!strings.Contains(stderr, "detaching volume "+cloudTarget+" from server "+cloudServer) {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
		if got := s.Calls(); got != "create attach metadata detach" {
			t.Error(got)
		}
	})
	t.Run("Nova refuses", func(t *testing.T) {
		s := newCreatingServer(t)
		s.attachable(t)
		s.Change(func(*cloudtest.Cloud) { s.Refuse(403, "attach") })
		_, stderr, code := s.run(t, args("--cleanup")...)
		if code != 1 ||
			!strings.Contains(stderr,
				"the attachment to server "+cloudServer+" of volume "+cloudTarget+": 403") ||
			!strings.Contains(stderr, "is deleted again") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		if got := s.Calls(); got != "create attach delete" {
			t.Error(got)
		}
	})
	t.Run("it cannot be detached", func(t *testing.T) {
		s := newCreatingServer(t)
		image := s.attachable(t)
		s.Change(func(*cloudtest.Cloud) { s.Refuse(409, "detach") })
		_, stderr, code := s.run(t, args("--cleanup")...)
		want := "the data is restored and verified; volume " + cloudTarget +
			" may still be attached to server " + cloudServer +
			", detach it with: openstack server remove volume " + cloudServer + " " + cloudTarget
		if code != 1 || !strings.Contains(stderr, want) || strings.Contains(s.Calls(), "delete") ||
			!holds(t, image, 1<<30) {
			t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
		}
	})
	t.Run("interrupted while no device shows", func(t *testing.T) {
		s := newCreatingServer(t)
		s.attachable(t)
		s.Change(func(*cloudtest.Cloud) {
			s.Attach, s.Detach = func() error { return nil }, func() error { return nil }
		})
		r := s.start(t, args()...)
		eventually(t, "it is attached", func() bool { return s.Get("status") == "in-use" })
		r.cmd.Process.Signal(syscall.SIGINT)
		_, stderr, code := r.wait(t)
		if code != 1 || !strings.Contains(stderr, "restorefs: interrupted: ") ||
			!strings.Contains(stderr, "--attach --server "+cloudServer+" --volume "+cloudTarget) {
			t.Errorf("exit %d: %s", code, stderr)
		}
		if got := s.Calls(); got != "create attach detach" || s.Get("status") != "available" {
			t.Error(got, s.Get("status"))
		}
	})
	t.Run("a volume that a killed run left attached here", func(t *testing.T) {
		s := newCreatingServer(t)
		image := s.attachable(t)
		var err error
		s.Change(func(*cloudtest.Cloud) { s.There, err = true, errors.Join(s.Make(), s.Attach()) })
		if err != nil {
			t.Fatal(err)
		}
		s.Set("status", "in-use")
		s.Set("attachments", []any{map[string]any{"server_id": cloudServer}})
		_, stderr, code := s.run(t, "materialize", "--share", share, "--yes", "--attach",
			"--server", cloudServer, "--volume", cloudTarget, id)
		if code != 0 || !holds(t, image, 1<<30) || s.Calls() != "metadata detach" ||
			s.Get("status") != "available" {
			t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
		}
	})
	t.Run("a volume that is attached here and mounted stays so", func(t *testing.T) {
		need(t, "mkfs.ext4", "mount", "umount")
		s := newCreatingServer(t)
		s.attachable(t)
		var err error
		s.Change(func(*cloudtest.Cloud) { s.There, err = true, errors.Join(s.Make(), s.Attach()) })
		if err != nil {
			t.Fatal(err)
		}
		s.Set("status", "in-use")
		s.Set("attachments", []any{map[string]any{"server_id": cloudServer}})
		device, dir := "/dev/disk/by-id/virtio-"+cloudTarget[:20], t.TempDir()
		run(t, "mkfs.ext4", "-q", device)
		run(t, "mount", device, dir)
		defer run(t, "umount", dir)
		_, stderr, code := s.run(t, "materialize", "--share", share, "--yes", "--force", "--attach",
			"--server", cloudServer, "--volume", cloudTarget, id)
		if code != exitcode.Refused || !strings.Contains(stderr, "is mounted on "+dir) ||
			s.Calls() != "" || s.Get("status") != "in-use" {
			t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
		}
	})
	t.Run("interrupted while it is written, and continued", func(t *testing.T) {
		s := newCreatingServer(t)
		image := s.attachable(t)
		share, id, content := slowBackup(t)
		r := s.start(t, append([]string{"materialize", "--share", share, "--yes", "--new-volume",
			"--attach", "--server", cloudServer, id}, strings.Fields(slow)...)...)
		eventually(t, "it is written", func() bool {
			out, _ := exec.Command("du", "-k", image).Output()
			return len(out) > 0 && out[0] != '0'
		})
		r.cmd.Process.Signal(syscall.SIGINT)
		_, stderr, code := r.wait(t)
		_, line, ok := strings.Cut(stderr, "to continue:  restorefs ")
		line, _, _ = strings.Cut(line, "\n")
		if code != 1 || !ok || !strings.Contains(line, "--delta --force --volume "+cloudTarget) ||
			s.Get("status") != "available" {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		_, stderr, code = s.run(t, strings.Fields(strings.ReplaceAll(line, slow, ""))...)
		if code != 0 || !begins(t, image, 1<<30, content) || s.Get("status") != "available" {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
}

func TestANewVolumeOfCephIsMappedAndUnmapped(t *testing.T) {
	need(t, "losetup")
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	s := newCreatingServer(t)
	image := s.attachable(t)
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	script := fmt.Sprintf(`#!/bin/sh
echo "$*" >> %s
case $1 in
status) echo '{"watchers":[]}';;
map) truncate -s 1G %s; losetup --find --show %s;;
unmap) losetup --detach "$2";;
esac
`, calls, image, image)
	if err := os.WriteFile(filepath.Join(dir, "rbd"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	_, stderr, code := s.run(t, "materialize", "--share", share, "--yes", "--new-volume",
		"--device-path", "ceph:fast", id)
	if code != 0 || !holds(t, image, 1<<30) || s.Calls() != "create reserve metadata unreserve" {
		t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
	}
	text, _ := os.ReadFile(calls)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 || lines[1] != "map fast/volume-"+cloudTarget ||
		!strings.HasPrefix(lines[2], "unmap /dev/loop") {
		t.Errorf("%q", lines)
	}
}
