package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// files are those of a machine, by their paths. One that ends with * can be run.
type files map[string]string

// good has all that restorefs can use.
var good = files{
	"/dev/fuse": "", "/etc/fuse.conf": "#\nuser_allow_other\n",
	"/proc/filesystems": "nodev\tproc\n\text4\nnodev\tfuse\nnodev\tnfs4\n",
	"/proc/meminfo":     "MemTotal: 9 kB\nMemAvailable:   4194304 kB\n",
	"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/memory.max": "max\n",
	"/proc/sys/kernel/osrelease": "6.1.0\n",
	"/usr/bin/fusermount3*":      "", "/sbin/mount.nfs*": "", "/usr/bin/qemu-img*": "",
	"/etc/openstack/clouds.yaml": "clouds: {}\n",
}

// machine makes one that has the good files with changes: "" without a * removes one.
func machine(t *testing.T, changes files) Machine {
	t.Helper()
	root := t.TempDir()
	put := func(all files) {
		for name, text := range all {
			path, run := strings.CutSuffix(name, "*")
			mode := fs.FileMode(0o644)
			if run {
				mode = 0o755
			}
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
			if text == "gone" {
				os.Remove(path)
			}
		}
	}
	put(good)
	put(changes)
	return Machine{
		Root: root, Programs: []string{"/usr/bin", "/sbin"}, Now: time.Now(),
		Env:    func(string) string { return "" },
		Limit:  func(int) (uint64, error) { return Unlimited, nil },
		Free:   func(string) (int64, error) { return 2 << 30, nil },
		InStep: func() bool { return true },
	}
}

// one returns the finding of a check.
func one(t *testing.T, all []Finding, check string) Finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no check %s: %+v", check, all)
	return Finding{}
}

func TestEachCheckTellsAGoodMachineFromOthers(t *testing.T) {
	user := func(m *Machine) { m.User = 1000 }
	for what, test := range map[string]struct {
		without files
		with    func(*Machine)
		check   string
		state   State
		says    string
	}{
		"a machine with FUSE can mount":  {nil, nil, "fuse", OK, "/dev/fuse"},
		"one without FUSE cannot":        {files{"/dev/fuse": "gone"}, nil, "fuse", Problem, "modprobe fuse"},
		"root needs no helper":           {files{"/usr/bin/fusermount3*": "gone"}, nil, "fusermount", OK, "not needed"},
		"others need it":                 {files{"/usr/bin/fusermount3*": "gone"}, user, "fusermount", Problem, "apt install fuse3"},
		"a helper that is not setuid":    {nil, user, "fusermount", Problem, "chmod u+s /usr/bin/fusermount3"},
		"root may let others in":         {files{"/etc/fuse.conf": "gone"}, nil, "allow-other", OK, "root"},
		"a user may if the file says so": {nil, user, "allow-other", OK, "user_allow_other"},
		"a comment does not say so":      {files{"/etc/fuse.conf": "#user_allow_other\n"}, user, "allow-other", Note, "echo user_allow_other"},
		"the kernel's NFS client":        {nil, nil, "nfs-client", OK, "mount.nfs"},
		"a client that is a module": {files{"/proc/filesystems": "nodev\tproc\n",
			"/lib/modules/6.1.0/modules.dep": "kernel/fs/nfs/nfs.ko.xz: kernel/net/sunrpc/sunrpc.ko\n"}, nil, "nfs-client", OK, "mount.nfs"},
		"no client":             {files{"/proc/filesystems": "nodev\tproc\n"}, nil, "nfs-client", Note, "nfs://"},
		"a client and no mount": {files{"/sbin/mount.nfs*": "gone"}, nil, "nfs-client", Note, "no mount.nfs"},
		"no qemu-img":           {files{"/usr/bin/qemu-img*": "gone"}, nil, "qemu-img", Note, "qemu-utils"},
		"credentials in a file": {nil, nil, "cloud", OK, "/etc/openstack/clouds.yaml"},
		"no credentials":        {files{"/etc/openstack/clouds.yaml": "gone"}, nil, "cloud", Note, "openrc"},
		"few open files": {nil, func(m *Machine) {
			m.Limit = func(int) (uint64, error) { return 256, nil }
		}, "open-files", Problem, "ulimit -n"},
		"small files only": {nil, func(m *Machine) {
			m.Limit = func(r int) (uint64, error) {
				if r == unix.RLIMIT_FSIZE {
					return 1 << 30, nil
				}
				return Unlimited, nil
			}
		}, "file-size", Problem, "1 GiB"},
		"little memory":                  {files{"/proc/meminfo": "MemAvailable: 102400 kB\n"}, nil, "memory", Problem, "--memory 64MiB"},
		"a small control group":          {files{"/sys/fs/cgroup/a/memory.max": "300000000\n"}, nil, "memory", Note, "286.1 MiB"},
		"a group that others could name": {files{"/proc/self/cgroup": "0::/../../a\n"}, nil, "memory", OK, "4 GiB"},
		"a full disk of the cache": {nil, func(m *Machine) {
			m.Free = func(string) (int64, error) { return 1 << 20, nil }
		}, "cache", Note, "1 MiB free"},
		"a clock that nothing keeps right": {nil, func(m *Machine) { m.InStep = func() bool { return false } }, "clock", Note, "timedatectl"},
	} {
		m := machine(t, test.without)
		if test.with != nil {
			test.with(&m)
		}
		all, err := Examine(t.Context(), Options{Machine: m, Memory: 256 << 20, Wait: time.Minute,
			Share: locate.Options{Share: t.TempDir()}, Cache: places.Cache{Dir: t.TempDir()}})
		f := one(t, all, test.check)
		if err != nil || f.State != test.state || !strings.Contains(f.Message+f.Next, test.says) {
			t.Errorf("%s: %v %+v", what, err, f)
		}
		if f.State != OK && f.Next == "" {
			t.Errorf("%s: it does not say what to do: %+v", what, f)
		}
	}
}

func TestTheShareIsSaidToBeWhatItIs(t *testing.T) {
	share, list := storetest.Fixtures(t)
	m := machine(t, nil)
	look := func(o Options) []Finding {
		t.Helper()
		o.Machine, o.Memory = m, 64<<20
		if o.Wait == 0 {
			o.Wait = time.Minute
		}
		all, err := Examine(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := look(Options{Share: locate.Options{Share: share}})
	if f := one(t, all, "backups"); f.State != Note || !strings.HasPrefix(f.Message, fmt.Sprint(len(list), " backups")) {
		t.Errorf("%+v", f)
	}
	if f := one(t, all, "cache"); f.State != Note {
		t.Errorf("no cache: %+v", f)
	}
	if f := one(t, look(Options{Share: locate.Options{Share: t.TempDir()}}), "backups"); f.State != Problem || !strings.Contains(f.Message, "no backups") {
		t.Errorf("an empty directory: %+v", f)
	}
	if f := one(t, look(Options{Share: locate.Options{Share: share}, Cache: places.Cache{Dir: share + "/x"}}), "cache"); f.State != Problem {
		t.Errorf("a cache on the share: %+v", f)
	}
	if f := one(t, look(Options{Share: locate.Options{Share: share}, Wait: 1}), "share"); f.State != Problem || !strings.Contains(f.Next, "--wait") {
		t.Errorf("a share that takes long: %+v", f)
	}
	conf := filepath.Join(t.TempDir(), "cinder.conf")
	all = look(Options{Share: locate.Options{Config: conf}})
	if f := one(t, all, "cinder-conf"); f.State != Problem || one(t, all, "share").State != Problem {
		t.Errorf("neither a share nor a configuration: %+v", all)
	}
	text := "[DEFAULT]\nbackup_driver = cinder.backup.drivers.posix.PosixBackupDriver\nbackup_posix_path = " + share + "\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all = look(Options{Share: locate.Options{Config: conf}})
	if f := one(t, all, "cinder-conf"); f.State != OK || !strings.Contains(f.Message, share) || one(t, all, "share").State != OK {
		t.Errorf("%+v", all)
	}
	m.Now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if f := one(t, look(Options{Share: locate.Options{Share: share}}), "clock"); f.State != Problem {
		t.Errorf("a clock that is behind: %+v", f)
	}
}

func TestTheCloudIsAskedOnlyIfWanted(t *testing.T) {
	m := machine(t, nil)
	for err, want := range map[error]State{
		nil: OK, cinderapi.ErrCredentials: Problem, errors.New("no answer"): Problem,
	} {
		f := cloud(t.Context(), m, func(context.Context) error { return err })
		if f.State != want {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

func TestNamesOfTheShareSteerNoTerminal(t *testing.T) {
	var out bytes.Buffer
	Print(&out, []Finding{problem("share", "ls \x1b[2J", "not \x1b]0;x\a read")}, true)
	if text := strings.ReplaceAll(strings.ReplaceAll(out.String(), "\x1b[31m", ""), "\x1b[0m", ""); strings.ContainsAny(text, "\x1b\a") {
		t.Errorf("%q", text)
	}
}
