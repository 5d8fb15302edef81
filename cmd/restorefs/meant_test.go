package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// What people type who know other programs, and what they are told.
func TestWhatWasMeantIsSaid(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	file := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, says := range map[string]string{
		"list db-data":              "did you mean restorefs list --volume db-data?",
		"list web*":                 "did you mean restorefs list --name ",
		"list --csv":                "did you mean --format csv?",
		"list --damaged":            "did you mean --state damaged?",
		"list --output csv":         "did you mean --format?",
		"list --tree":               "did you mean --graph?",
		"list --before 2d":          "restorefs show VOLUME@TIME",
		"list --size 1G":            "did you mean --min-size?",
		"list --older 2d":           "restorefs show VOLUME@TIME",
		"list --newer 2d":           "did you mean --since?",
		"find B x --size 1G":        "did you mean --min-size?",
		"find B x --since 2d":       "did you mean --newer?",
		"ls B --long":               "leave it out",
		"mount -o ro /mnt":          "options are flags here",
		"cp B /x --output /tmp":     "it is an argument here, cp BACKUP PATH... DEST",
		"tar B / -f x.tar":          "it writes to stdout: put >FILE behind it",
		"materialize B --to /x":     "it is an argument here, materialize BACKUP [TARGET]",
		"materialize B x --qcow2":   "did you mean --format qcow2?",
		"materialize B x --rate 5M": "did you mean --bwlimit?",
		"mount --ro /mnt":           "a mount is read-only unless it has --overlay",
		"find B x --mtime 2d":       "did you mean --newer?",
		"find B x --exec rm":        "--print0 | xargs -0",
		"verify --quiet":            "did you mean --progress none?",
		"verify B " + file:          "restorefs verify --share " + share + " --target " + file + " B",
		"verify --project demo":     "openstack project show NAME -f value -c id",
		"ls /etc B":                 "it looks like a path, and BACKUP stands before those",
	} {
		words := strings.Fields(strings.ReplaceAll(line, "B", b.ID))
		says = strings.ReplaceAll(says, " B", " "+b.ID)
		says = strings.ReplaceAll(says, b.ID+"ACKUP", "BACKUP")
		_, stderr, code := restorefs(t, append(words, "--share", share)...)
		if code != exitcode.Usage || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d: %s", line, code, stderr)
		}
	}
}

// Who restores a damaged backup learns of --salvage, and who has said it need not know its id.
func TestADamagedBackupIsRestoredByItsVolumesName(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	broken := storetest.Find(t, list, "object missing")
	damaged := storetest.Find(t, list, "none object flipped")
	target := filepath.Join(t.TempDir(), "disk.raw")
	at := broken.VolumeID + "@latest"
	_, stderr, code := restorefs(t, "materialize", "--share", share, at, target)
	if code != exitcode.Usage || !strings.Contains(stderr, "--salvage restores what can be had of backup "+broken.ID) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	_, stderr, code = restorefs(t, "materialize", "--share", share, at, target, "--salvage")
	if code != exitcode.Damaged || !strings.Contains(stderr, "is broken, and no complete backup") ||
		!strings.Contains(stderr, "lost: bytes ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	_, stderr, code = restorefs(t, "materialize", "--share", share, damaged.ID, target+"2")
	again := "materialize --share " + share + " --salvage " + damaged.ID + " " + target + "2"
	if code != exitcode.Damaged || !strings.Contains(stderr, again) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// The printed command goes on.
	if _, stderr, code = restorefs(t, strings.Fields(again)...); code != exitcode.Damaged ||
		!strings.Contains(stderr, "all else is restored and verified") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// A device that is to be overwritten takes --yes or somebody to ask, which is told before the share
// is looked at.
func TestForceOntoADeviceAsksEarly(t *testing.T) {
	unwatched(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root for a loop device")
	}
	need(t, "losetup")
	device, _ := loopDevice(t, twoGiB(t))
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, test := range []struct{ flag, says string }{
		{"--force", "nobody can be asked here, say --yes to write to " + device},
		{"--dry-run", nowhere}, // nothing is to be asked: the share is what is missing
	} {
		_, stderr, code := restorefs(t, "materialize", "--share", nowhere, test.flag, "a08e2856", device)
		if code == 0 || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: exit %d: %s", test.flag, code, stderr)
		}
	}
	_, stderr, _ := restorefs(t, "materialize", "--share", nowhere, "--force", "--yes", "a08e2856", device)
	if strings.Contains(stderr, "can be asked") || !strings.Contains(stderr, nowhere) {
		t.Errorf("with --yes: %s", stderr)
	}
}
