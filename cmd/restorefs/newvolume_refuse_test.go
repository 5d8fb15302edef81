package main

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func TestANewVolumeNeedsFlagsThatFit(t *testing.T) {
	unwatched(t)
	for name, test := range map[string]struct{ args, want string }{
		"no place": {"--new-volume b",
			"--device-path lvm, nfs, ceph or a path with {id}; or --attach"},
		"a target too": {"--new-volume --device-path lvm b /dev/vdb",
			"TARGET /dev/vdb and the flags that find the volume's device exclude each other"},
		"no backup": {"--new-volume --device-path lvm", "takes BACKUP, 0 arguments"},
		"both volumes": {"--new-volume --volume " + cloudTarget + " --device-path lvm b",
			"say one of them"},
		"no volume": {"--device-path lvm b", "say --new-volume or --volume VOLUME"},
		"both places": {"--new-volume --device-path lvm --attach b",
			"exclude each other"},
		"no such place": {"--new-volume --device-path iscsi b",
			"a place is lvm, nfs, ceph"},
		"a server alone": {"--new-volume --device-path lvm --server x b",
			"--server goes with --attach"},
		"a type of an old": {"--volume " + cloudTarget + " --device-path lvm --type gold b",
			"--type goes with --new-volume"},
		"cleaning up an old": {"--volume " + cloudTarget + " --device-path lvm --cleanup b",
			"--cleanup goes with --new-volume"},
		"a type and a target": {"--type gold b /dev/vdb", "--type goes with --new-volume"},
		"a server, no attachment": {"--server x b /dev/vdb",
			"--server goes with --attach or --volume"},
		"a negative size": {"--new-volume --device-path lvm --size -1 b",
			"a number of GiB"},
		"qcow2": {"--new-volume --device-path lvm --format qcow2 b",
			"--format qcow2 does not go"},
		"metadata only": {"--new-volume --device-path lvm --metadata-only b",
			"--metadata-only"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := restorefs(t, append([]string{"materialize", "--share", t.TempDir()},
				strings.Fields(test.args)...)...)
			if code != 2 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
}

func TestAnEncryptedBackupNeedsItsVolumeTypeBeforeAnythingIsCreated(t *testing.T) {
	unwatched(t)
	const luks = "51260d28-399e-4c8b-ad10-1ad9bf0e132d"
	share, id := cloudBackup(t,
		storetest.Volume{EncryptionKeyID: "4b5d7e4e-4a6b-4a53-a8f1-0d9f0e4bd2f0"})
	for name, test := range map[string]struct {
		flags []string
		code  int
		want  string
	}{
		"no type":          {nil, 2, "say it with --type; it was of type LUKS (id " + luks + ")"},
		"no type, dry run": {[]string{"--dry-run"}, 2, "say it with --type"},
		"another type": {[]string{"--type", "gold"}, 4, "it was of type LUKS (id " + luks +
			"), this one is gold"},
		"no such type":      {[]string{"--type", "silver"}, 1, "volume type silver"},
		"the type, dry run": {[]string{"--type", "LUKS", "--dry-run"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCreatingServer(t)
			_, stderr, code := s.run(t, s.flags(share, id, append(test.flags,
				"--new-volume")...)...)
			if code != test.code || !strings.Contains(stderr, test.want) || s.Calls() != "" {
				t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
			}
		})
	}
	t.Run("through an attachment", func(t *testing.T) {
		for _, flags := range [][]string{{"--new-volume", "--type", "LUKS"},
			{"--volume", cloudTarget}} {
			s := newCreatingServer(t)
			s.Change(func(*cloudtest.Cloud) { s.There = true })
			s.Set("encrypted", true)
			s.Set("volume_type_id", luks)
			_, stderr, code := s.run(t, append([]string{"materialize", "--share", share, "--yes",
				"--attach", "--server", cloudServer, id}, flags...)...)
			if code != 2 || !strings.Contains(stderr, "would be encrypted once more") ||
				s.Calls() != "" {
				t.Errorf("%v: exit %d: %s; %s", flags, code, stderr, s.Calls())
			}
		}
	})
	t.Run("the type", func(t *testing.T) {
		s := newCreatingServer(t)
		s.Set("encrypted", true)
		s.Set("volume_type_id", luks)
		_, stderr, code := s.run(t, s.flags(share, id, "--new-volume", "--type", "LUKS")...)
		if code != 5 ||
			!strings.Contains(stderr, "note    the data stays encrypted with key 4b5d7e4e") ||
			!strings.Contains(stderr, "encryption_key_id") || !holds(t, s.File(), 1<<30) {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
}

func TestAVolumeThatShowsOnTheShareIsNotWritten(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{})
	s := newCreatingServer(t)
	s.Change(func(*cloudtest.Cloud) { s.Dir = share })
	_, stderr, code := s.run(t, s.flags(share, id, "--new-volume")...)
	if code != 2 || !strings.Contains(stderr, "is on the share") ||
		s.Calls() != "create reserve unreserve" {
		t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
	}
}

// The run that reserved it may still be at work elsewhere, and its lock may be what refuses the
// target.
func TestAReservationThatWasFoundStaysWhereNothingWasWritten(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{})
	s := newCreatingServer(t)
	s.Change(func(*cloudtest.Cloud) { s.There, s.Metadata[cinderapi.RunKey] = true, "X" })
	s.Set("status", "attaching")
	f, err := os.Create(s.File())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK,
		&unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := s.run(t, s.flags(share, id, "--volume", cloudTarget)...)
	if code != exitcode.Refused || !strings.Contains(stderr, "holds a lock") || s.Calls() != "" ||
		s.Get("status") != "attaching" {
		t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
	}
}

func TestTheDeviceOfAVolumeThatIsThereIsFound(t *testing.T) {
	unwatched(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	for name, test := range map[string]struct {
		status string
		marked bool
		code   int
		want   string
		calls  string
	}{
		"available": {"available", false, 0, "",
			"mark reserve metadata unreserve forget"},
		"reserved by a run that created it": {"attaching", true, 0,
			"still reserved by an earlier run", "metadata unreserve"},
		"reserved by somebody": {"attaching", false, 4,
			"its status is attaching: somebody is about to attach it", ""},
		"in use": {"in-use", false, 4,
			"its status is in-use, not available: detach it first", ""},
		"in use, though a run once created it": {"in-use", true, 4,
			"its status is in-use, not available", ""},
		"somebody's whose metadata tells of a run": {"available", true, 0, "",
			"mark reserve metadata unreserve forget"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCreatingServer(t)
			s.Change(func(*cloudtest.Cloud) { s.There = true })
			s.Set("status", test.status)
			if test.marked {
				s.Change(func(*cloudtest.Cloud) { s.Metadata[cinderapi.RunKey] = "X" })
			}
			if err := os.WriteFile(s.File(), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			os.Truncate(s.File(), 1<<30)
			_, stderr, code := s.run(t, s.flags(share, id, "--volume", cloudTarget)...)
			if code != test.code || !strings.Contains(stderr, test.want) ||
				s.Calls() != test.calls {
				t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
			}
			if holds(t, s.File(), 1<<30) != (code == 0) {
				t.Error("the data is not as it should be")
			}
			if code != 0 && (strings.Contains(stderr, "openstack volume delete") ||
				strings.Contains(stderr, "to continue")) {
				t.Error("of a volume that was not touched more is said:", stderr)
			}
		})
	}
}

func TestAVolumeThatCannotBeMarkedIsRestored(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	s := newCreatingServer(t)
	s.Change(func(*cloudtest.Cloud) { s.There = true; s.Refuse(403, "mark") })
	if err := os.WriteFile(s.File(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.File(), 1<<30); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := s.run(t, s.flags(share, id, "--volume", cloudTarget)...)
	if code != 0 || !strings.Contains(stderr, "cannot be marked") ||
		s.Calls() != "mark reserve metadata unreserve" {
		t.Errorf("exit %d: %s; %s", code, stderr, s.Calls())
	}
}

// Cinder does not tell what reserved a volume, and only an administrator could end a reservation.
func TestWhatAKilledRunReservedIsContinued(t *testing.T) {
	firstPass(t)
	share, id, content := slowBackup(t)
	s := newCreatingServer(t)
	s.Change(func(*cloudtest.Cloud) { s.There, s.Metadata["own"] = true, "x" })
	if err := os.WriteFile(s.File(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.File(), 1<<30); err != nil {
		t.Fatal(err)
	}
	r := s.start(t, s.flags(share, id, "--volume", cloudTarget, "--bwlimit", "1000K")...)
	waitWritten(s.File())
	r.cmd.Process.Kill()
	r.wait(t)
	if s.Get("status") != "attaching" || s.Meta(cinderapi.ReservedKey) == "" {
		t.Fatal(s.Get("status"), s.Meta(cinderapi.ReservedKey))
	}
	_, stderr, code := s.run(t, s.flags(share, id, "--volume", cloudTarget, "--no-metadata")...)
	if code != 0 || !begins(t, s.File(), 1<<30, content) ||
		!strings.Contains(stderr, "still reserved by an earlier run") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if s.Get("status") != "available" || s.Meta(cinderapi.ReservedKey) != "" ||
		s.Meta("own") != "x" {
		t.Error(s.Get("status"), s.Meta(cinderapi.ReservedKey), s.Meta("own"))
	}
}
