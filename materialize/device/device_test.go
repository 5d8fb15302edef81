package device

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testID = "61c2f0aa-1b2c-4d3e-8f90-a1b2c3d4e5f6"

// volumeFile makes a sparse file.
func volumeFile(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

func volumeOf(gib int64) Sought { return Sought{ID: testID, SizeGiB: gib} }

func TestPlacesAreUnderstoodOrRefused(t *testing.T) {
	for how, want := range map[string]string{
		"lvm":                         "/dev/cinder-volumes/volume-{id}",
		"nfs":                         "/var/lib/cinder/mnt/*/volume-{id}",
		"ceph":                        "rbd map volumes/volume-{id}",
		"ceph:fast":                   "rbd map fast/volume-{id}",
		"/dev/other-vg/volume-{id}":   "/dev/other-vg/volume-{id}",
		"/srv/mnt/*/volume-{id}":      "/srv/mnt/*/volume-{id}",
		"":                            "",
		"iscsi":                       "",
		"/dev/sdb":                    "",
		"dev/cinder/volume-{id}":      "",
		"/srv/[/volume-{id}":          "",
		"ceph:":                       "",
		"ceph:--id":                   "",
		"ceph:volumes@snap":           "",
		"/dev/cinder-volumes/{ID}":    "",
		"ceph:a b":                    "",
		"/dev/disk/by-id/scsi-3{id}x": "/dev/disk/by-id/scsi-3{id}x",
	} {
		f, err := Parse(how)
		if want == "" {
			if !errors.Is(err, ErrHow) {
				t.Errorf("%q: %v, %v", how, f, err)
			}
			continue
		}
		if err != nil || f.String() != want {
			t.Errorf("%q: %v, %v", how, f, err)
		}
	}
}

func TestAFileIsTheVolumeOnlyIfEverythingSaysSo(t *testing.T) {
	dir := t.TempDir()
	place := func(name string) string { return filepath.Join(dir, name, "volume-"+testID) }
	volumeFile(t, place("right"), 1<<30)
	volumeFile(t, place("short"), 1<<30-1)
	volumeFile(t, place("long"), 2<<30)
	volumeFile(t, place("luks"), 2359296)
	volumeFile(t, place("qcow2"), 1<<30)
	if f, err := os.OpenFile(place("qcow2"), os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	} else {
		f.WriteString("QFI\xfb\x00\x00\x00\x03")
		f.Close()
	}
	volumeFile(t, place("snapshots"), 1<<30)
	volumeFile(t, place("snapshots")+".info", 10)
	volumeFile(t, place("two/a"), 1<<30)
	volumeFile(t, place("two/b"), 1<<30)
	if err := os.MkdirAll(place("directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(dir, "same"), 0o755)
	volumeFile(t, place("same/a"), 1<<30)
	if err := os.Symlink("a", filepath.Join(dir, "same", "b")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		template string
		volume   Sought
		want     string // part of the error; "": it is found
	}{
		{"the file of the volume's size", "right/volume-{id}", volumeOf(1), ""},
		{"found by a pattern", "r*/volume-{id}", volumeOf(1), ""},
		{"a pattern with two names of one file", "same/*/volume-{id}", volumeOf(1), ""},
		{"a byte too short", "short/volume-{id}", volumeOf(1), "it has 1073741823 bytes, the volume has 1073741824"},
		{"too long", "long/volume-{id}", volumeOf(1), "it has 2147483648 bytes"},
		{"an empty LUKS container for an encrypted volume", "luks/volume-{id}", Sought{ID: testID, SizeGiB: 1, Encrypted: true}, ""},
		{"as short for a plain one", "luks/volume-{id}", volumeOf(1), "it has 2359296 bytes"},
		{"qcow2", "qcow2/volume-{id}", volumeOf(1), "qcow2 format (nfs_qcow2_volumes"},
		{"qcow2 for a backup of such a file", "qcow2/volume-{id}", Sought{ID: testID, SizeGiB: 1, Encrypted: true, Qcow2: true}, ""},
		{"a raw file for a backup of a qcow2 file", "right/volume-{id}", Sought{ID: testID, SizeGiB: 1, Encrypted: true, Qcow2: true}, "the backup is of a qcow2 file"},
		{"a volume with snapshots", "snapshots/volume-{id}", volumeOf(1), "snapshots (volume-" + testID + ".info is there)"},
		{"a directory", "directory/volume-{id}", volumeOf(1), "no block device and no regular file"},
		{"two files", "two/*/volume-{id}", volumeOf(1), "it matches several: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Path{Template: filepath.Join(dir, c.template), Wait: time.Millisecond}
			if err := p.Check(t.Context()); err != nil {
				t.Error(err)
			}
			d, err := p.Find(t.Context(), c.volume)
			if c.want == "" {
				if err != nil || !d.File || !strings.HasSuffix(d.Path, testID) {
					t.Fatal(d, err)
				}
				if err := d.Release(t.Context()); err != nil {
					t.Error(err)
				}
				return
			}
			if wrong, ok := errors.AsType[*WrongError](err); !ok || !strings.Contains(wrong.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestADeviceMayAppearLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "volume-"+testID)
	made := time.AfterFunc(200*time.Millisecond, func() {
		f, err := os.Create(path + ".new")
		if err == nil {
			f.Truncate(1 << 30)
			f.Close()
			os.Rename(path+".new", path)
		}
	})
	defer made.Stop()
	p := &Path{Template: filepath.Join(filepath.Dir(path), "volume-{id}"), Wait: time.Minute}
	if d, err := p.Find(t.Context(), volumeOf(1)); err != nil || d.Size != 1<<30 {
		t.Error(d, err)
	}
}

func TestTheErrorNamesWhereADeviceDidNotAppear(t *testing.T) {
	p := &Path{Template: "/dev/no-such-group/volume-{id}", Wait: time.Millisecond}
	_, err := p.Find(t.Context(), volumeOf(1))
	if missing, ok := errors.AsType[*NotFoundError](err); !ok || !strings.Contains(err.Error(), "/dev/no-such-group/volume-"+testID) || !strings.Contains(missing.Hint, "volume_group") {
		t.Error(err)
	}
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "/dev/no-such-group") {
		t.Error("the group is there before:", err)
	}
}

func TestAVolumeGroupWithoutVolumesIsKnownToLVM(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vgs"), []byte("#!/bin/sh\n[ \"$*\" = '-- empty-group' ]\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for group, known := range map[string]bool{"empty-group": true, "no-such-group": false} {
		if err := (&Path{Template: "/dev/" + group + "/volume-{id}"}).Check(t.Context()); (err == nil) != known {
			t.Error(group, err)
		}
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p := &Path{Template: "/dev/no-such-group/volume-{id}", Wait: time.Hour}
	if _, err := p.Find(ctx, volumeOf(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestIdsAndSizesFromOutsideAreChecked(t *testing.T) {
	dir := t.TempDir()
	volumeFile(t, filepath.Join(dir, "volume-x"), 1<<30)
	for _, v := range []Sought{
		{ID: "../../etc/passwd", SizeGiB: 1}, {ID: "*", SizeGiB: 1}, {ID: "", SizeGiB: 1}, {ID: testID, SizeGiB: 0}, {ID: testID, SizeGiB: 1 << 40},
	} {
		for _, f := range []Finder{
			&Path{Template: dir + "/volume-{id}", Wait: time.Millisecond}, &Attached{ByID: dir, Wait: time.Millisecond}, &Ceph{Pool: "p", Wait: time.Millisecond},
		} {
			if d, err := f.Find(t.Context(), v); err == nil {
				t.Errorf("%+v: %+v", v, d)
			}
		}
	}
}
