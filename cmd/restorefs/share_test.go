package main

import (
	"crypto/md5"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// cinderConf writes a Cinder configuration.
func cinderConf(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cinder.conf")
	if err := os.WriteFile(path, []byte("[DEFAULT]\n"+strings.Join(lines, "\n")+"\n[nfs1]\nbackup_share = no:/no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fakeNFS makes the program call a mount(8) that binds dir, whatever should be mounted.
func fakeNFS(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root to mount")
	}
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nPATH='%s'\n[ \"$3\" = nfs ] || exec mount \"$@\"\nfor target; do :; done\nexec mount --bind '%s' \"$target\"\n", os.Getenv("PATH"), dir)
	if err := os.WriteFile(filepath.Join(bin, "mount"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Cleanup(func() { os.Remove("/run/restorefs") }) // unless it is in use
}

func TestTheShareOfCindersConfigurationIsUsed(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	conf := cinderConf(t, "backup_driver = cinder.backup.drivers.posix.PosixBackupDriver", "state_path = "+filepath.Dir(share),
		"backup_posix_path = $state_path/"+filepath.Base(share))
	out, errOut, code := restorefs(t, "list", "--cinder-conf", conf)
	if code != 0 || !strings.Contains(out, ids[0]) {
		t.Fatalf("%d %s", code, errOut)
	}
	// --share prevails, but the driver is that of the configuration.
	out, errOut, code = restorefs(t, "records", "--cinder-conf", conf, "--share", share)
	if code != 0 || strings.Count(out, "import cinder.backup.drivers.posix.PosixBackupDriver ") != 4 {
		t.Errorf("%d %s %s", code, out, errOut)
	}
	for text, says := range map[string]string{
		"backup_driver = cinder.backup.drivers.ceph.CephBackupDriver": "rbd export",
		"nonsense": "line 2",
	} {
		if _, errOut, code := restorefs(t, "list", "--cinder-conf", cinderConf(t, text)); code == 0 || !strings.Contains(errOut, says) || !strings.Contains(errOut, "--share") {
			t.Errorf("%q: %d %s", text, code, errOut)
		}
	}
	if _, errOut, code := restorefs(t, "list", "--cinder-conf", share+"/none"); code == 0 || !strings.Contains(errOut, share+"/none") {
		t.Errorf("%d %s", code, errOut)
	}
}

// Cinder takes whatever is mounted at its place as its share, so a bind mount can replace NFS here.
func TestCindersOwnMountIsUsedAndStays(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "needs root to mount")
	}
	share, ids := recordsShare(t)
	base := t.TempDir()
	point := filepath.Join(base, fmt.Sprintf("%x", md5.Sum([]byte("10.0.0.5:/backups"))))
	if err := os.Mkdir(point, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(share, point, "", unix.MS_BIND, ""); err != nil {
		skip(t, "cannot mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(point, 0); err != nil {
			t.Error(err)
		}
	})
	conf := cinderConf(t, "backup_driver = cinder.backup.drivers.nfs.NFSBackupDriver", "backup_share = 10.0.0.5:/backups", "backup_mount_point_base = "+base)
	for _, args := range [][]string{{}, {"--share", "10.0.0.5:/backups/"}} {
		out, errOut, code := restorefs(t, append([]string{"list", "--cinder-conf", conf}, args...)...)
		if code != 0 || !strings.Contains(out, ids[0]) {
			t.Fatalf("%d %s", code, errOut)
		}
	}
	// A target on the share is refused, even if the operator did not say where the share is.
	_, errOut, code := restorefs(t, "materialize", "--yes", "--cinder-conf", conf, ids[0], filepath.Join(point, "disk.raw"))
	if code != exitcode.Usage || !strings.Contains(errOut, "is on the share "+point) {
		t.Errorf("%d %s", code, errOut)
	}
}

func TestAnExportThatIsNotMountedIsMountedForTheProcess(t *testing.T) {
	share, ids := recordsShare(t)
	fakeNFS(t, share)
	none := cinderConf(t)
	out, errOut, code := restorefs(t, "list", "--cinder-conf", none, "--share", "nfs.invalid:/e")
	if code != 0 || !strings.Contains(out, ids[0]) {
		t.Fatalf("%d %s", code, errOut)
	}
	target := filepath.Join(t.TempDir(), "disk.raw")
	if _, errOut, code := restorefs(t, "materialize", "--yes", "--cinder-conf", none, "--share", "nfs.invalid:/e", ids[2], target); code != 0 {
		t.Fatalf("%d %s", code, errOut)
	}
	noOwnMounts(t)
}

// mount(8) removes PATH for its helpers, which then look for programs in the usual places.
func TestAnExportIsMountedWithoutPATHToo(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "needs root to mount")
	}
	need(t, "mount", "unshare")
	share, ids := recordsShare(t)
	mount, err := exec.LookPath("mount")
	if err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(t.TempDir(), "mount")
	text := "#!/bin/sh\nfor target; do :; done\nexec " + mount + " --bind " + share + " \"$target\"\n"
	if err := os.WriteFile(fake, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove("/run/restorefs") }) // unless it is in use
	cmd := program(t)
	script := "mount -t tmpfs none /usr/local/sbin && cp " + fake + " /usr/local/sbin/ && exec env -u PATH " + cmd.Path +
		" list --cinder-conf " + cinderConf(t) + " --share nfs.invalid:/e"
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = unshare, []string{"unshare", "-m", "/bin/sh", "-c", script}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), ids[0]) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestADaemonKeepsItsMountOfTheExport(t *testing.T) {
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(1<<20, 1)})
	needMount(t)
	fakeNFS(t, share)
	mountpoint := t.TempDir()
	_, errOut, code := restorefs(t, "mount", "--daemon", "--cinder-conf", cinderConf(t), "--share", "nfs.invalid:/e", mountpoint)
	if code != 0 {
		t.Fatal(errOut)
	}
	noOwnMounts(t)
	if text, err := os.ReadFile(filepath.Join(mountpoint, ".restorefs", "status.json")); err != nil || !strings.Contains(string(text), `"share": "nfs.invalid:/e"`) {
		t.Errorf("status %s %v", text, err)
	}
	got := make([]byte, 1<<20)
	disk, err := os.Open(filepath.Join(mountpoint, "backups", b.ID, "volume.raw"))
	if err == nil {
		_, err = disk.ReadAt(got, 0)
		disk.Close()
	}
	if _, errOut, code := restorefs(t, "unmount", mountpoint); code != 0 {
		t.Error(errOut)
	}
	want := make([]byte, 1<<20)
	storetest.Random(1<<20, 1).ReadAt(want, 0)
	if err != nil || string(got) != string(want) {
		t.Errorf("read other bytes, or none: %v", err)
	}
}

// noOwnMounts checks that no mount of an export is visible in the file system.
func noOwnMounts(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(text), "/run/restorefs/") {
		t.Errorf("a mount is left: %v", err)
	}
}

func TestAURLIsNoShare(t *testing.T) {
	unwatched(t)
	for spec, says := range map[string]string{
		"s3://": "there is no bucket", "rbd://pool/image": "Ceph, are not read", "ftp://x": "s3://BUCKET",
		"file:///srv/b": "its path, /srv/b",
	} {
		for _, command := range []string{"list", "verify", "mount " + t.TempDir()} {
			_, errOut, code := restorefs(t, append(strings.Fields(command), "--share", spec)...)
			if code != exitcode.Usage || !strings.Contains(errOut, says) {
				t.Errorf("%s --share %s: %d %s", command, spec, code, errOut)
			}
		}
	}
}

func TestAnExportThatMakesNoSenseIsWrongUsage(t *testing.T) {
	unwatched(t)
	for _, spec := range []string{"nfs1:export", "n:/a/../b"} {
		if _, errOut, code := restorefs(t, "list", "--share", spec); code != exitcode.Usage || !strings.Contains(errOut, "no NFS export such as") {
			t.Errorf("%s: %d %s", spec, code, errOut)
		}
	}
}
