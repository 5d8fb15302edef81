package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestMountHelperArguments(t *testing.T) {
	for in, want := range map[string]string{
		"restorefs":                                    "restorefs",
		"restorefs list --all":                         "restorefs list --all",
		"restorefs nonsense /mnt":                      "restorefs nonsense /mnt",
		"restorefs mount /mnt":                         "restorefs mount /mnt",
		"restorefs /s /mnt":                            "restorefs mount --daemon --share /s -- /mnt",
		"restorefs /s /mnt -o rw,dev,suid,_netdev":     "restorefs mount --daemon --share /s -- /mnt",
		"/sbin/mount.restorefs /s /mnt -n -v -o ro":    "/sbin/mount.restorefs mount --daemon --share /s -- /mnt",
		"mount.restorefs -o ro /s /mnt -t restorefs.x": "mount.restorefs mount --daemon --share /s -- /mnt",
		"restorefs /s /mnt -o allow_other,uid=5,mode=0440,x-systemd.automount":  "restorefs mount --daemon --share /s --allow-other --uid=5 --mode=0440 -- /mnt",
		"restorefs /s /mnt -o cache_dir=/a=b,,log-file=/l -o nofail,user=me":    "restorefs mount --daemon --share /s --cache-dir=/a=b --log-file=/l -- /mnt",
		"restorefs /s /mnt -o backup=aaaa,backup=bbbb,refresh=5s,noauto,noexec": "restorefs mount --daemon --share /s --backup=aaaa --backup=bbbb --refresh=5s -- /mnt",
		"mount.restorefs /s /mnt -s -o colour=red":                              "mount.restorefs mount --daemon --share /s -- /mnt",
		"mount.restorefs /s /mnt -fn -o ro":                                     "",
		"restorefs /s /mnt -o silent,loud,mand,nosymfollow,iversion":            "restorefs mount --daemon --share /s -- /mnt",
		"restorefs /s /mnt -o auto_unmount,nonempty,fsname=a,subtype=b":         "restorefs mount --daemon --share /s -- /mnt",
		`restorefs /s /mnt -o comment="a,colour=b",mode=0440`:                   "restorefs mount --daemon --share /s --mode=0440 -- /mnt",
		"restorefs /s /mnt -o ro,overlay=/o,rw":                                 "restorefs mount --daemon --share /s --overlay=/o -- /mnt",
	} {
		got, err := cmdline.MountHelper(newApp(), strings.Fields(in))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %s, %v", in, strings.Join(got, " "), err)
		}
	}
	for in, says := range map[string]string{
		"restorefs /s /mnt -o colour=red":                   `"colour"`,
		"restorefs /s /mnt -o run=reboot":                   `"run"`,
		"restorefs /s /mnt -o share=/x":                     `"share"`,
		"restorefs /s /mnt -o help":                         `"help"`,
		"restorefs /s /mnt -o allow_other=yes":              "takes no value",
		"restorefs /s /mnt -o memory":                       "needs a value",
		"restorefs /s /mnt -o":                              "-o needs",
		"restorefs /s /mnt /more":                           "3 arguments",
		"mount.restorefs /s -o ro":                          "1 argument",
		"mount.restorefs /s /mnt --memory 5":                "--memory",
		"restorefs /s /mnt -o ro,remount":                   `"remount"`,
		"restorefs host:/export /mnt -o no_such_op":         "no_such_op",
		"restorefs /s /mnt -o overlay=/o,ro":                "exclude",
		"restorefs /s /mnt -o rw,fscontext=a:b":             "virt_use_fusefs",
		`mount.restorefs /s /mnt -s -o context="a:b:c1,c2"`: "virt_use_fusefs",
	} {
		var usage cmdline.UsageError
		if got, err := cmdline.MountHelper(newApp(), strings.Fields(in)); !errors.As(err, &usage) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

// mount(8), and mount.fuse3 which looks for programs in the usual directories only, in a mount
// namespace in which the program is in one of these.
func TestMountByTypeAndByFstab(t *testing.T) {
	needMount(t)
	need(t, "mount", "mount.fuse3", "unshare")
	share, b := smallShare(t)
	fstab := filepath.Join(t.TempDir(), "fstab")
	mountpoint := t.TempDir()
	line := share + " " + mountpoint +
		" fuse.restorefs nofail,_netdev,x-systemd.requires=network.target,mode=0440,gid=5,allow_other 0 0\n"
	if err := os.WriteFile(fstab, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string]string{
		"type":  "mount -t fuse.restorefs " + share + " " + mountpoint + " -o ro,gid=5,mode=0440",
		"fstab": "mount -T " + fstab + " " + mountpoint,
	} {
		t.Run(name, func(t *testing.T) {
			script := `set -e
				mount -t tmpfs none /usr/local/bin
				ln -s ` + self + ` /usr/local/bin/restorefs
				trap 'umount -l ` + mountpoint + ` 2>/dev/null || :' EXIT
				` + command + `
				mount -a -T ` + fstab + ` # it is mounted: nothing to do
				stat -c '%a %g' ` + mountpoint + `/backups/` + b.ID + `/volume.raw
				pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' ` + mountpoint + `/.restorefs/status.json)
				umount ` + mountpoint + `
				while grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null; do sleep 0.05; done`
			cmd := program(t)
			cmd.Path, cmd.Args = unshare, []string{"unshare", "-m", "/bin/sh", "-c", script}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "440 5\n") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestMountSaysWhyItCouldNot(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	mountpoint := t.TempDir()
	leaveNothing(t, mountpoint)
	for option, code := range map[string]int{"colour=red": exitcode.Usage,
		"backup=ffffffff": exitcode.Usage, "log_file=/none/log": exitcode.Failed} {
		cmd := program(t, share, mountpoint, "-o", option)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != code ||
			!strings.Contains(string(out), "restorefs:") {
			t.Errorf("%s: %v: %s", option, err, out)
		}
	}
	if _, ok := mountAt(t, mountpoint); ok {
		t.Error("something is mounted")
	}
}
