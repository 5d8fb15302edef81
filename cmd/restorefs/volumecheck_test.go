package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// blank reports whether nothing was written to a volumeFile.
func blank(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.Seek(0, 3) // SEEK_DATA
	return err != nil
}

// attachedTo returns what Cinder shows of an attached volume.
func attachedTo(server, host any) map[string]any {
	return map[string]any{"status": "in-use",
		"attachments": []any{map[string]any{"server_id": server, "host_name": host}}}
}

func TestAVolumeThatSomebodyElseUsesIsNotWritten(t *testing.T) {
	firstPass(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	both := attachedTo(nil, host)
	both["attachments"] = append(both["attachments"].([]any),
		map[string]any{"server_id": otherVolume})
	for name, test := range map[string]struct {
		volume map[string]any
		flags  []string
		want   string // "": the volume is written
	}{
		"available":             {nil, nil, ""},
		"attached to this host": {attachedTo(nil, strings.ToUpper(host)), nil, ""},
		"attached to the server that we are": {attachedTo(cloudServer, "compute1"),
			[]string{"--server", cloudServer}, ""},
		"attached to another server": {attachedTo(otherVolume, "compute1"),
			[]string{"--server", cloudServer}, "it is attached to server " + otherVolume +
				": detach it first"},
		"attached to another host": {attachedTo(nil, host+"2"), nil,
			"it is attached to host " + host + "2: detach it first"},
		"attached nobody knows where": {attachedTo(nil, nil), nil,
			"does not tell where it is attached"},
		"in use without an attachment": {map[string]any{"status": "in-use"}, nil,
			"its status is in-use, not available"},
		"attached here and elsewhere": {both, nil, "it is attached to server " +
			otherVolume},
		"about to be attached": {map[string]any{"status": "attaching"}, nil,
			"its status is attaching: somebody is about to attach it"},
		"reserved by Nova": {map[string]any{"status": "reserved"}, nil,
			"its status is reserved: somebody is about to attach it"},
		"about to be detached": {map[string]any{"status": "detaching"}, nil,
			"wait until it is detached"},
		"read by Glance": {map[string]any{"status": "uploading"}, nil,
			"its status is uploading: wait until Cinder is done with it"},
		"restored by Cinder": {map[string]any{"status": "restoring-backup"}, nil,
			"its status is restoring-backup: wait"},
		"deleted": {map[string]any{"status": "deleting"}, nil,
			"it is going away"},
		"half deleted": {map[string]any{"status": "error_deleting"}, nil,
			"it is going away"},
		"offered to others": {map[string]any{"status": "awaiting-transfer"}, nil,
			"it is offered to another project"},
		"in a state yet to be invented": {map[string]any{"status": "pondering"}, nil,
			"its status is pondering: wait"},
		"migrated": {map[string]any{"os-vol-mig-status-attr:migstat": "migrating"}, nil,
			"Cinder is migrating it"},
		"migrated before": {map[string]any{"os-vol-mig-status-attr:migstat": "success"}, nil, ""},
		"Cinder's restore failed": {map[string]any{"status": "error_restoring"}, nil,
			""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newVolumeServer(t, cloudTarget, test.volume)
			target := volumeFile(t, "volume-"+cloudTarget)
			args := append([]string{"materialize", "--share", share, "--force", "--yes", "--volume",
				cloudTarget, id, target}, test.flags...)
			_, stderr, code := inCloud(t, f.URL, args...)
			switch {
			case test.want == "" && (code != 0 || !holds(t, target, 1<<30)):
				t.Errorf("exit %d: %s", code, stderr)
			case test.want != "" && (code != exitcode.Refused ||
				!strings.Contains(stderr, test.want) ||
				!strings.Contains(stderr, "nothing was written") || !blank(t, target) ||
				f.Writes() > 0):
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
	t.Run("its metadata may be restored while it is attached", func(t *testing.T) {
		for _, status := range []string{"in-use", "attaching", "reserved", "detaching"} {
			f := newVolumeServer(t, cloudTarget, map[string]any{"status": status})
			if _, stderr, code := inCloud(t, f.URL, "materialize", "--share", share,
				"--metadata-only", "--volume", cloudTarget, id); code != 0 {
				t.Errorf("%s: exit %d: %s", status, code, stderr)
			}
		}
	})
}

func TestAReservationOfARunThatEndedEarlyIsUsedAndEnded(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	f := newVolumeServer(t, cloudTarget, map[string]any{"status": "attaching"})
	f.Metadata[cinderapi.RunKey] = "X"
	target := volumeFile(t, "volume-"+cloudTarget)
	_, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--volume", cloudTarget,
		id, target)
	if code != 0 ||
		!strings.Contains(stderr, "note    the volume is still reserved by an earlier run") ||
		!holds(t, target, 1<<30) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	f.Alter(func() {
		if f.Volume["status"] != "available" || f.Metadata[cinderapi.RunKey] != "" {
			t.Error(f.Volume["status"], f.Metadata)
		}
	})
}

// Between the first check and the first byte the operator may think for long, and nothing is
// reserved while the data is written.
func TestAVolumeThatIsTakenMeanwhile(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	for name, test := range map[string]struct {
		look    int // the first one that shows it attached elsewhere
		code    int
		want    string
		written bool
	}{
		"before it is written": {2, exitcode.Refused, "it is attached to server " + otherVolume,
			false},
		"while it is written": {3, exitcode.Failed,
			"was taken meanwhile: its status is in-use, not available: it is attached to server " +
				otherVolume, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newVolumeServer(t, cloudTarget, nil)
			f.OnLook = func(looks int) {
				if looks >= test.look {
					maps.Copy(f.Volume, attachedTo(otherVolume, "compute1"))
				}
			}
			target := volumeFile(t, "volume-"+cloudTarget)
			stdout, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--volume",
				cloudTarget, id, target)
			if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" ||
				blank(t, target) == test.written || f.Writes() > 0 {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
		})
	}
}

func TestATargetThatCannotBeTheVolumeIsRefused(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	f := newVolumeServer(t, cloudTarget, nil)
	for name, test := range map[string]struct {
		prepare func(target string) error
		want    string
	}{
		"it is not there": {os.Remove, "it is not there, and a volume's device or file is"},
		"another size": {func(target string) error { return os.Truncate(target, 2<<30) },
			"it has 2147483648 bytes, the volume has 1073741824"},
		"a qcow2 file": {func(target string) error { return beginWith(target, "QFI\xfb") },
			"the file is in qcow2 format"},
		"it has snapshots": {func(target string) error {
			return os.WriteFile(target+".info",
				[]byte("{}"), 0o600)
		}, "the volume has or had snapshots"},
	} {
		t.Run(name, func(t *testing.T) {
			target := volumeFile(t, "volume-"+cloudTarget)
			if err := test.prepare(target); err != nil {
				t.Fatal(err)
			}
			_, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--force",
				"--yes", "--volume", cloudTarget, id, target)
			if code != exitcode.Refused || !strings.Contains(stderr, test.want) || f.Writes() > 0 {
				t.Errorf("exit %d: %s", code, stderr)
			}
			if info, err := os.Stat(target); name == "it is not there" && err == nil ||
				err == nil && holds(t, target, info.Size()) {
				t.Error("it was written")
			}
		})
	}
}

// The start of an encrypted volume's data is looked at before the target is.
func TestAnObjectThatIsMissingIsNotTheTarget(t *testing.T) {
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("cloud"),
		VolumeID: storetest.ID("cloud volume"), Content: storetest.Text(1<<20, 3),
		Volume: storetest.Volume{EncryptionKeyID: "4b5d7e4e-4a6b-4a53-a8f1-0d9f0e4bd2f0"}})
	f := newVolumeServer(t, cloudTarget, map[string]any{"encrypted": true,
		"volume_type_id": storetest.ID("volume type")})
	f.OnLook = func(int) {
		if err := os.RemoveAll(b.Path("-00001")); err != nil {
			t.Error(err)
		}
	}
	_, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--volume", cloudTarget,
		b.ID, volumeFile(t, "volume-"+cloudTarget))
	if code != exitcode.Damaged || !strings.Contains(stderr, "the object is missing") ||
		strings.Contains(stderr, "is this the machine") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// Some storage rounds sizes up. A restore to that takes two commands.
func TestADeviceThatIsMuchLargerThanTheVolumeIsRefused(t *testing.T) {
	need(t, "losetup")
	if os.Geteuid() != 0 {
		skip(t, "needs root for a loop device")
	}
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	f := newVolumeServer(t, cloudTarget, nil)
	for size, want := range map[int64]string{1<<30 + 4<<20: "",
		8 << 30: "because its storage rounds sizes up, restore without --volume, then the metadata with --metadata-only"} {
		image := volumeFile(t, "disk")
		if err := os.Truncate(image, size); err != nil {
			t.Fatal(err)
		}
		device := strings.TrimSpace(run(t, "losetup", "--find", "--show", image))
		_, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--yes", "--volume",
			cloudTarget, id, device)
		run(t, "losetup", "--detach", device)
		if (code == 0) != (want == "") || code != 0 && code != exitcode.Refused ||
			!strings.Contains(stderr, want) || blank(t, image) == (code == 0) {
			t.Errorf("%d bytes: exit %d: %s", size, code, stderr)
		}
	}
}

// beginWith writes the start of a file.
func beginWith(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// Cinder's own restore leaves a file as long as the backup.
func TestAVolumesFileMayHaveBeenCutOff(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{})
	cut := func(path string) {
		t.Helper()
		if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := newVolumeServer(t, cloudTarget, nil)
	target := filepath.Join(t.TempDir(), "volume-"+cloudTarget)
	cut(target)
	if _, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--volume",
		cloudTarget, id, target); code != 0 || !holds(t, target, 1<<30) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	s := newCreatingServer(t)
	s.Change(func(*cloudtest.Cloud) { s.There = true })
	cut(s.File())
	if _, stderr, code := s.run(t, s.flags(share, id, "--volume", cloudTarget)...); code != 0 ||
		!holds(t, s.File(), 1<<30) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
