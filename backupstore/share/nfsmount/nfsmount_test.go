package nfsmount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

func export(t *testing.T, s string) Export {
	t.Helper()
	e, err := ParseExport(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExportsAreToldFromPaths(t *testing.T) {
	for s, want := range map[string]Export{
		"nfs1:/export/": {Host: "nfs1", Path: "/export"}, "NFS1.example.COM.://a//b/.": {Host: "nfs1.example.com", Path: "/a/b"},
		"10.0.0.5:/": {Host: "10.0.0.5", Path: "/"}, "[::1]:/b": {Host: "::1", Path: "/b"}, "[fd00:0:0::5]:/b:c": {Host: "fd00::5", Path: "/b:c"},
		"[::ffff:10.0.0.5]:/b": {Host: "10.0.0.5", Path: "/b"}, "n:/a b/ü": {Host: "n", Path: "/a b/ü"},
	} {
		e, err := ParseExport(s)
		if want.spec = s; err != nil || e != want || !IsExport(s) {
			t.Errorf("%s: %+v %v", s, e, err)
		}
	}
	for _, s := range []string{"", "/a:/b", "./a:/b", "a", "a:b", ":/a", "fd00::5:/b", "[fd00::5]/b"} {
		if _, err := ParseExport(s); err == nil || IsExport(s) {
			t.Errorf("%q is an export: %v", s, err)
		}
	}
	for _, s := range []string{"n:/a/../b", "-o:/a", "[10.0.0.5]:/a", "[x]:/a", "n:/a\nb", "n m:/a", "a,b:/c"} {
		if _, err := ParseExport(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

const someMounts = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
36 21 0:50 / /mnt/a rw,relatime shared:5 master:2 - nfs4 nfs1:/export rw,vers=4.2,addr=10.0.0.5,clientaddr=10.0.0.9
37 21 0:51 / /mnt/sp\040ace\134\011 rw - nfs NFS1.:/export/sub/ rw,addr=10.0.0.5
38 21 0:52 /in /mnt/bind rw - nfs4 nfs1:/export rw,addr=10.0.0.5
39 21 0:53 / /mnt/six rw - nfs4 [fd00::0:5]:/six rw,addr=fd00::5
40 21 0:54 / /mnt/root rw - nfs4 nfs2:/ rw,addr=10.0.0.6
41 21 0:55 / /mnt/over rw - nfs4 nfs3:/over rw,addr=10.0.0.7
42 41 0:56 / /mnt/over rw - tmpfs tmpfs rw
43 21 254:0 /bound /mnt/own rw - ext4 /dev/root rw
44 21 0:57 / /mnt/sshfs rw - fuse.sshfs nfs1:/export rw
nonsense
45 21 0:58 / relative rw - nfs nfs1:/export rw
46 21 0:59 / /mnt/short rw - nfs
`

// parse returns the mounts in text and skips other lines.
func parse(text string) []mountinfo.Mount {
	mounts, _ := mountinfo.Parse(strings.NewReader(text))
	return mounts
}

func TestMountsOfAnExportAreFound(t *testing.T) {
	for _, test := range []struct {
		export, own string
		want        []string
	}{
		{"nfs1:/export", "", []string{"/mnt/a"}},
		{"10.0.0.5:/export", "", []string{"/mnt/a"}},
		{"nfs1:/export/sub", "", []string{"/mnt/sp ace\\\t", "/mnt/a/sub"}},
		{"nfs1:/export/sub/x", "", []string{"/mnt/sp ace\\\t/x", "/mnt/a/sub/x"}},
		{"nfs1:/export/in", "", []string{"/mnt/bind", "/mnt/a/in"}},
		{"nfs1:/export/in/x", "", []string{"/mnt/bind/x", "/mnt/a/in/x"}},
		{"nfs1:/export2", "", nil},
		{"nfs1:/", "", nil},
		{"nfs9:/export", "", nil},
		{"[fd00::5]:/six", "", []string{"/mnt/six"}},
		{"nfs2:/deep/er", "", []string{"/mnt/root/deep/er"}},
		{"nfs3:/over", "", nil},
		{"nfs1:/export", "/mnt/own/", []string{"/mnt/own", "/mnt/a"}},
		{"nfs1:/export", "/mnt/none", []string{"/mnt/a"}},
	} {
		var got []string
		for _, c := range candidates(visible(parse(someMounts)), export(t, test.export), test.own) {
			got = append(got, c.dir)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, not %q", test.export, got, test.want)
		}
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add(someMounts, "nfs1:/export/sub")
	f.Add(`1 1 0:1 / /\04 rw - nfs a\9:/ rw`, "a:/")
	f.Fuzz(func(t *testing.T, text, spec string) {
		e, err := ParseExport(spec)
		if err != nil {
			return
		}
		if !IsExport(spec) {
			t.Fatalf("%q is an export and is not", spec)
		}
		for _, c := range candidates(visible(parse(text)), e, "/own") {
			if !filepath.IsAbs(c.dir) || c.dir != c.mount.Mountpoint && !strings.HasPrefix(c.dir, filepath.Clean(c.mount.Mountpoint)) {
				t.Errorf("%q is not below %q", c.dir, c.mount.Mountpoint)
			}
		}
	})
}

// device returns the device of a directory in the form of mountinfo.
func device(t *testing.T, dir string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
}

// asMounts writes a mountinfo in which the directories are mounts of n:/e, and returns its path.
func asMounts(t *testing.T, dirs ...string) string {
	t.Helper()
	var b strings.Builder
	for i, dir := range dirs {
		device := device(t, dir)
		if strings.HasSuffix(dir, "hidden") {
			device = "9:99"
		}
		fmt.Fprintf(&b, "%d 1 %s / %s rw - nfs4 n:/e rw,addr=10.0.0.1\n", i+2, device, dir)
	}
	path := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheFirstMountThatAnswersIsUsed(t *testing.T) {
	dir := t.TempDir()
	hidden, good, better := filepath.Join(dir, "hidden"), filepath.Join(dir, "good"), filepath.Join(dir, "better")
	for _, d := range []string{hidden, good, better} {
		if err := os.MkdirAll(filepath.Join(d, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	info := asMounts(t, hidden, good, better)
	for spec, test := range map[string]struct{ own, want string }{
		"n:/e": {"", good}, "10.0.0.1:/e/sub": {"", good + "/sub"}, "n:/e/": {better, better},
	} {
		s, got, err := Open(t.Context(), export(t, spec), Options{mountinfo: info, Own: test.own})
		if err != nil || got != test.want || s.String() != test.want {
			t.Errorf("%s: %q %v", spec, got, err)
			continue
		}
		s.Close()
	}
}

func TestOpenDoesNotWaitForAServerThatDoesNotAnswer(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	start := time.Now()
	_, err := limited(t.Context(), 20*time.Millisecond, never(hang))
	if !errors.Is(err, errSilent) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := limited(ctx, time.Hour, never(hang)); !errors.Is(err, context.Canceled) || time.Since(start) > time.Minute {
		t.Error(err)
	}
}

func TestAMountThatRefusesThisUserIsNotGoneRound(t *testing.T) {
	e := export(t, "n:/e")
	cannot := &NoClientError{e, errNotRoot}
	refused := fmt.Errorf("it is mounted on /m: %w", os.ErrPermission)
	err := explained(cannot, []error{refused})
	if _, none := errors.AsType[*NoClientError](err); none || !errors.Is(err, os.ErrPermission) ||
		!errors.Is(err, errNotRoot) {
		t.Error(err)
	}
	if none, is := errors.AsType[*NoClientError](explained(cannot, nil)); !is || none != cannot {
		t.Error("without a mount another client may be used")
	}
	full := fmt.Errorf("%w: no space", ErrMount)
	if err := explained(full, []error{refused}); !errors.Is(err, full) || !errors.Is(err, refused) {
		t.Error(err)
	}
}
