package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// install runs make install into a directory.
func install(t *testing.T, args ...string) string {
	t.Helper()
	firstPass(t)
	need(t, "make")
	dest := t.TempDir()
	run(t, "make", append([]string{"-s", "-C", "../..", "install", "DESTDIR=" + dest, "BUILD=" + t.TempDir()}, args...)...)
	return dest
}

func TestMakeInstallPutsAllInItsPlace(t *testing.T) {
	for prefix, helper := range map[string]bool{"/usr": true, "/opt/it": false} {
		dest := install(t, "PREFIX="+prefix)
		if out := run(t, dest+prefix+"/bin/restorefs", "--version"); !strings.HasPrefix(out, "restorefs version ") || strings.ContainsAny(out, "()$") {
			t.Errorf("it does not know its version: %s", out)
		}
		unit, err := os.ReadFile(dest + prefix + "/lib/systemd/system/restorefs@.service")
		if err != nil || !strings.Contains(string(unit), "ExecStart="+prefix+"/bin/restorefs mount") || strings.Contains(string(unit), "/usr/local") {
			t.Errorf("%v: %s", err, unit)
		}
		for _, page := range []string{"man1/restorefs.1", "man1/restorefs-list.1", "man7/restorefs-share.7", "man8/mount.fuse.restorefs.8"} {
			text, err := os.ReadFile(dest + prefix + "/share/man/" + page)
			if err != nil || !strings.HasPrefix(string(text), ".TH ") {
				t.Errorf("%v: %.40s", err, text)
			}
		}
		for _, script := range []string{"bash-completion/completions/restorefs", "zsh/site-functions/_restorefs", "fish/vendor_completions.d/restorefs.fish"} {
			if text, err := os.ReadFile(dest + prefix + "/share/" + script); err != nil || !strings.Contains(string(text), "__complete") {
				t.Errorf("%v: %.40s", err, text)
			}
		}
		for _, example := range []string{"mnt-restore.mount", "restorefs-user.conf"} {
			if _, err := os.Stat(dest + prefix + "/share/doc/restorefs/" + example); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(dest + prefix + "/lib/systemd/system/mnt-restore.mount"); err == nil {
			t.Error("the example of a mount unit is in force")
		}
		if to, err := os.Readlink(helperDir(t, dest) + "/mount.fuse.restorefs"); (err == nil) != helper || helper && to != prefix+"/bin/restorefs" {
			t.Errorf("%s: %s, %v", prefix, to, err)
		}
	}
}

// helperDir returns the directory, below another one, in which this machine's mount(8) looks for
// its helpers; not the name of it that is a link.
func helperDir(t *testing.T, below string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks("/sbin")
	if err != nil {
		t.Fatal(err)
	}
	return below + dir
}

// The clone of another user, and a tree without git, are built and searched like any other.
func TestMakeInATreeThatGitDoesNotKnow(t *testing.T) {
	firstPass(t)
	need(t, "make", "git", "tar")
	top := t.TempDir()
	run(t, "sh", "-c", `cd ../.. && git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -c | tar -x -C `+top)
	version := func() string {
		run(t, "make", "-s", "-C", top, "build")
		return strings.TrimSpace(run(t, top+"/build/restorefs", "--version"))
	}
	if got := version(); got != "restorefs version unknown" {
		t.Errorf("without git: %s", got)
	}
	if err := os.WriteFile(top+"/packaging/version", []byte("0a1b2c3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := version(); got != "restorefs version 0a1b2c3" {
		t.Errorf("from an archive: %s", got)
	}
	run(t, "git", "-C", top, "init", "-q")
	run(t, "git", "-C", top, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "--allow-empty", "-m", "x")
	if os.Geteuid() == 0 {
		run(t, "chown", "-R", "65534", top)
	}
	if got := version(); len(got) < len("restorefs version 0a1b2c3") || strings.Contains(got, "unknown") {
		t.Errorf("of another user: %s", got)
	}
	if err := os.WriteFile(top+"/backupstore/storetest/leaktest/ugly.go", []byte("package  leaktest\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("make", "-C", top, "lint").CombinedOutput(); err == nil || !strings.Contains(string(out), "ugly.go") {
		t.Errorf("lint of what gofmt would change: %v: %s", err, out)
	}
}

// A release is known by its tag: in a checkout, after it, and in an archive that git made of it.
func TestMakeKnowsTheVersionOfATag(t *testing.T) {
	unwatched(t)
	need(t, "make", "git", "tar")
	top, archive := t.TempDir(), t.TempDir()
	git := func(args ...string) {
		t.Helper()
		run(t, "git", append([]string{"-C", top, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...)
	}
	run(t, "sh", "-c", "cd ../.. && cp --parents Makefile .gitattributes packaging/version "+top)
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	version := func(of, want string) {
		t.Helper()
		got := strings.TrimSpace(run(t, "make", "-s", "-C", top, "version"))
		run(t, "sh", "-c", "rm -rf "+archive+" && mkdir "+archive+" && git -C "+top+" archive HEAD | tar -x -C "+archive)
		archived := strings.TrimSpace(run(t, "make", "-s", "-C", archive, "version"))
		if !regexp.MustCompile(want).MatchString(got) || got != archived {
			t.Errorf("%s: %s, in an archive %s", of, got, archived)
		}
	}
	version("without a tag", "^[0-9a-f]{7,}$")
	git("tag", "v1.2.3")
	version("of a tag", `^v1\.2\.3$`)
	git("commit", "-q", "--allow-empty", "-m", "two")
	version("after a tag", `^v1\.2\.3-1-g[0-9a-f]{7,}$`)
	if err := os.WriteFile(top+"/.gitattributes", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "make", "-s", "-C", top, "version"); !strings.HasSuffix(strings.TrimSpace(got), "-dirty") {
		t.Errorf("changed: %s", got)
	}
}

// Like under sudo, whose PATH seldom contains Go.
func TestMakeInstallWithoutGoTakesWhatIsBuilt(t *testing.T) {
	firstPass(t)
	need(t, "make")
	built, dest := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(built, "restorefs"), []byte("built before"), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "make", "-s", "-C", "../..", "install", "GO=no-go-here", "DESTDIR="+dest, "BUILD="+built)
	if got, err := os.ReadFile(dest + "/usr/local/bin/restorefs"); err != nil || string(got) != "built before" {
		t.Errorf("%v: %.20q", err, got)
	}
}

// mount(8) with only what make install installs for it, in a mount namespace without mount.fuse3.
func TestTheInstalledHelperMounts(t *testing.T) {
	needMount(t)
	need(t, "mount", "unshare")
	dest := install(t)
	share, b := smallShare(t)
	mountpoint, real, sbin := t.TempDir(), t.TempDir(), t.TempDir()
	script := `set -e
		mount --bind ` + dest + `/usr/local/bin /usr/local/bin
		mount --bind /sbin/. ` + real + `
		ln -s ` + real + `/* ` + sbin + `
		rm -f ` + sbin + `/mount.fuse*
		cp -P ` + helperDir(t, dest) + `/mount.fuse.restorefs ` + sbin + `
		mount --bind ` + sbin + ` /sbin/.
		trap 'umount -l ` + mountpoint + ` 2>/dev/null || :' EXIT
		mount -t fuse.restorefs ` + share + ` ` + mountpoint + ` -o ro,_netdev,gid=5,mode=0440
		stat -c '%a %g' ` + mountpoint + `/backups/` + b.ID + `/volume.raw
		pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' ` + mountpoint + `/.restorefs/status.json)
		umount ` + mountpoint + `
		while grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null; do sleep 0.05; done`
	cmd := exec.Command("unshare", "-m", "/bin/sh", "-c", script)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(t.TempDir(), "cache"), "XDG_STATE_HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "440 5\n") {
		t.Errorf("%v: %s", err, out)
	}
}
