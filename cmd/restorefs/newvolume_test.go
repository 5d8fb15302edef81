package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

const remove = "to remove it: openstack volume delete " + cloudTarget

// holds reports whether a volume's file has the size, and begins with the content of cloudBackup's
// volume.
func holds(t *testing.T, path string, size int64) bool {
	t.Helper()
	return begins(t, path, size, storetest.Disk(1<<20, 3))
}

func begins(t *testing.T, path string, size int64, content io.ReaderAt) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != size {
		return false
	}
	got, want := make([]byte, 1<<20), make([]byte, 1<<20)
	f.ReadAt(got, 0)
	content.ReadAt(want, 0)
	return string(got) == string(want)
}

// slowBackup makes a backup that takes long to restore with slow.
func slowBackup(t *testing.T) (share, id string, content io.ReaderAt) {
	t.Helper()
	share, content = t.TempDir(), storetest.Text(16<<20, 7)
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("slow"),
		VolumeID: storetest.ID("slow volume"),
		Content:  storetest.Text(16<<20, 7), Volume: storetest.Volume{Name: "db",
			Metadata: map[string]string{"a": "1"}}})
	return share, b.ID, content
}

const slow = "--bwlimit 1000K"

func TestWhatANewVolumeWillBeIsToldBeforeItIsMade(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{GiB: 3})
	s := newCreatingServer(t)
	stdout, stderr, code := s.run(t, s.flags(share, id, "--new-volume", "--dry-run", "--size",
		"2")...)
	for _, want := range []string{"a new volume of 3 GiB",
		"the 2 GiB that were asked for are too small for the backup",
		"will be of the default type; --type chooses another"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, no %q: %s%s", code, want, stdout, stderr)
		}
	}
}

func TestANewVolumeIsCreatedWrittenAndNamed(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db", Description: "d",
		Metadata: map[string]string{"a": "1"}, ImageMetadata: map[string]string{"os": "debian"},
		Bootable: true})
	s := newCreatingServer(t)
	stdout, stderr, code := s.run(t, s.flags(share, id, "--new-volume", "--dry-run", "--json")...)
	var plan attended.Plan
	if err := json.Unmarshal([]byte(stdout), &plan); err != nil || code != 0 ||
		plan.NewVolume == nil || plan.NewVolume.SizeGiB != 1 ||
		!strings.HasSuffix(plan.NewVolume.Device, "/volume-{id}") || s.Calls() != "" {
		t.Fatalf("dry run: exit %d: %v %s%s; %s", code, err, stdout, stderr, s.Calls())
	}
	stdout, stderr, code = s.run(t, s.flags(share, id, "--new-volume", "--size", "2", "--json")...)
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 ||
		result.VolumeID != cloudTarget || !result.Verified || !result.Volume.Restored {
		t.Fatalf("exit %d: %v %s%s", code, err, stdout, stderr)
	}
	if got := s.Calls(); got != "create reserve metadata unreserve" {
		t.Error(got)
	}
	if !holds(t, s.File(), 2<<30) {
		t.Error("the volume does not hold the backup, or has lost its size")
	}
	if info, err := os.Stat(s.File()); err != nil || info.Mode() != 0o640 {
		t.Error("the file's mode changed:", info.Mode())
	}
	if list, _ := os.ReadDir(s.Dir); len(list) != 1 {
		t.Error("something is left beside the volume:", list)
	}
	if !strings.Contains(stderr, "created volume "+cloudTarget+", 2 GiB\n") {
		t.Error("its id is not told:", stderr)
	}
	name, _ := s.Get("name").(*string)
	want := map[string]string{"a": "1", "src_backup_id": id}
	var metadata map[string]string
	s.Change(func(*cloudtest.Cloud) { metadata = maps.Clone(s.Metadata) })
	if name == nil || *name != "db" || s.Get("status") != "available" ||
		s.Get("bootable") != "true" || !maps.Equal(metadata, want) {
		t.Errorf("%v %v", name, metadata)
	}
}

func TestWhatANewVolumeIsCalled(t *testing.T) {
	firstPass(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "db", Description: "d"})
	for name, test := range map[string]struct {
		flags             []string
		name, description any // in the request
	}{
		"nothing: it gets its own": {nil, nil, nil},
		"by the operator":          {[]string{"--name", "mine"}, "mine", "d"},
		"as Cinder does": {[]string{"--metadata-rule", "cinder"}, "restore_backup_" + id,
			"auto-created_from_restore_from_backup"},
		"as Cinder does, named": {[]string{"--metadata-rule", "cinder", "--name", "mine"},
			"mine", "auto-created_from_restore_from_backup"},
		"without metadata": {[]string{"--no-metadata"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCreatingServer(t)
			var asked, got [2]any
			s.Change(func(*cloudtest.Cloud) {
				s.Make = func() error {
					asked = [2]any{s.Volume["name"], s.Volume["description"]}
					return os.WriteFile(s.File(), nil, 0o600)
				}
			})
			_, stderr, code := s.run(t, s.flags(share, id, append(test.flags,
				"--new-volume")...)...)
			s.Change(func(*cloudtest.Cloud) { got = asked })
			if code != 0 || got != [2]any{test.name, test.description} {
				t.Errorf("exit %d: %v %s", code, got, stderr)
			}
			if s.Meta(cinderapi.RunKey) != "" {
				t.Error("the mark of the run stays")
			}
		})
	}
}

// Whatever fails, the volume is left available, as it was found or made, and the messages about it
// are right.
func TestANewVolumeWhenSomethingFails(t *testing.T) {
	firstPass(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "db", Metadata: map[string]string{"a": "1"}})
	wrongSize := func(s *cloudtest.Cloud) {
		s.Make = func() error { return os.WriteFile(s.File(), []byte("x"), 0o600) }
	}
	refuse := func(status int, calls ...string) func(*cloudtest.Cloud) {
		return func(s *cloudtest.Cloud) { s.Refuse(status, calls...) }
	}
	continues := "to continue:  restorefs materialize --share " + share
	for name, test := range map[string]struct {
		with  func(*cloudtest.Cloud)
		flags []string
		code  int
		want  []string // in the messages; "!" before words that must not be
		calls string
	}{
		"the creation is refused": {refuse(413, "create"), nil, 1,
			[]string{"the creation of a volume of 1 GiB: 413", "oh dear", "!to remove", "!" +
				cloudTarget}, "create"},
		"the creation's answer is lost": {refuse(0, "create"), nil, 1,
			[]string{"look once more, before it is asked for again, with: openstack volume list --property restorefs_run="}, "create search search search"},
		"the creation fails": {func(s *cloudtest.Cloud) {
			s.Becomes, s.Message = "error",
				"No valid backend"
		}, nil, 1,
			[]string{"its status is error: No valid backend",
				"is there (error, 1 GiB), but not restored", "!to continue", remove}, "create"},
		"the creation fails, cleanup": {func(s *cloudtest.Cloud) { s.Becomes = "error" },
			[]string{"--cleanup"}, 1,
			[]string{"its status is error", "deleting volume " + cloudTarget +
				", created for this restore", "is deleted again (--cleanup)", "!to remove"},
			"create delete"},
		"it may not be reserved": {refuse(403, "reserve"), nil, 0,
			[]string{"the volume cannot be reserved"}, "create reserve metadata"},
		"somebody takes it": {func(s *cloudtest.Cloud) {
			s.Before = func(call string, w http.ResponseWriter) bool {
				if call == "reserve" {
					s.Set("status", "in-use")
					w.WriteHeader(400)
				}
				return call == "reserve"
			}
		}, nil, 1, []string{"is in-use now, so somebody else uses it", "is there (in-use, 1 GiB)"},
			"create reserve"},
		"the file has another size": {wrongSize, nil, 4,
			[]string{"it has 1 bytes, the volume has 1073741824", continues, "--volume " +
				cloudTarget + " " + id, remove}, "create reserve unreserve"},
		"another size, cleanup": {wrongSize, []string{"--cleanup"}, 4,
			[]string{"it has 1 bytes", "is deleted again"}, "create reserve unreserve delete"},
		"cleanup fails": {func(s *cloudtest.Cloud) { wrongSize(s); s.Refuse(403, "delete") },
			[]string{"--cleanup"}, 4,
			[]string{"it has 1 bytes", "--cleanup could not delete volume " + cloudTarget + ": ",
				"403", remove}, "create reserve unreserve delete"},
		"it cannot be released, cleanup": {func(s *cloudtest.Cloud) {
			wrongSize(s)
			s.Refuse(403,
				"unreserve")
		}, []string{"--cleanup"}, 4,
			[]string{"it has 1 bytes",
				"stays reserved (attaching) until an administrator does: openstack volume set --state available", remove, "!deleted again"}, "create reserve unreserve"},
		"the file is qcow2": {func(s *cloudtest.Cloud) {
			s.Make = func() error {
				os.WriteFile(s.File(), []byte("QFI\xfb\x00\x00\x00\x03"), 0o600)
				return os.Truncate(s.File(), 1<<30)
			}
		}, nil, 4, []string{"qcow2 format (nfs_qcow2_volumes"}, "create reserve unreserve"},
		"the volume holds old data": {func(s *cloudtest.Cloud) {
			s.Make = func() error {
				os.WriteFile(s.File(), []byte("old"), 0o600)
				return os.Truncate(s.File(), 1<<30)
			}
		}, nil, 4, []string{"it is not blank", "(--force overwrites it)", continues},
			"create reserve unreserve"},
		"the metadata fails, cleanup": {refuse(500, "metadata"), []string{"--cleanup"}, 5,
			[]string{"the data is restored and verified; the metadata of volume " + cloudTarget,
				"--metadata-only", "!delete", "!to continue"}, "create reserve metadata unreserve"},
		"the metadata fails, and it cannot be released": {refuse(500, "metadata", "unreserve"), nil,
			1,
			[]string{"--metadata-only", "stays reserved (attaching)"},
			"create reserve metadata unreserve"},
		"it cannot be released at the end": {refuse(500, "unreserve"), []string{"--cleanup"}, 1,
			[]string{"the data is restored and verified; the end of the reservation of volume " +
				cloudTarget, "!to continue", "!delete"}, "create reserve metadata unreserve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCreatingServer(t)
			s.Change(test.with)
			stdout, stderr, code := s.run(t, s.flags(share, id,
				append(test.flags, "--new-volume")...)...)
			if code != test.code {
				t.Errorf("exit %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				part, not := strings.CutPrefix(want, "!")
				if strings.Contains(stderr, part) == not {
					t.Errorf("not as wanted: %s", want)
				}
			}
			if got := s.Calls(); got != test.calls {
				t.Errorf("calls: %s", got)
			}
			if restored := code == 0 || code == 5 ||
				strings.Contains(stderr, "the data is restored"); restored != holds(t, s.File(),
				1<<30) {
				t.Error("the data is not what is said of it")
			}
			if t.Failed() {
				t.Logf("%s%s", stdout, stderr)
			}
		})
	}
}

func TestANewVolumeWhenInterrupted(t *testing.T) {
	firstPass(t)
	share, id, content := slowBackup(t)
	called := func(call string) func(*cloudtest.Cloud) bool {
		return func(s *cloudtest.Cloud) bool { return strings.Contains(s.Calls(), call) }
	}
	for name, test := range map[string]struct {
		with  func(*cloudtest.Cloud)
		flags []string
		at    func(*cloudtest.Cloud) bool
		calls string
	}{
		"while it is created": {func(s *cloudtest.Cloud) { s.Becomes = "creating" }, nil,
			called("create"), "create"},
		"while its device is awaited": {func(s *cloudtest.Cloud) {
			s.Make =
				func() error { return nil }
		}, nil, called("reserve"), "create reserve unreserve"},
		"while it is written": {func(*cloudtest.Cloud) {}, strings.Fields(slow), func(s *cloudtest.Cloud) bool {
			_, err := os.Stat(s.File() + ".restorefs-partial")
			return err == nil
		}, "create reserve unreserve"},
	} {
		for _, cleanup := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cleanup %v", name, cleanup), func(t *testing.T) {
				t.Parallel()
				s := newCreatingServer(t)
				s.Change(test.with)
				flags, calls := append(test.flags, "--new-volume"), test.calls
				if cleanup {
					flags, calls = append(flags, "--cleanup"), calls+" delete"
				}
				r := s.start(t, s.flags(share, id, flags...)...)
				eventually(t, "it gets there", func() bool { return test.at(s.Cloud) })
				r.cmd.Process.Signal(syscall.SIGINT)
				_, stderr, code := r.wait(t)
				if code != 1 || !strings.Contains(stderr, "restorefs: interrupted: ") ||
					strings.Contains(stderr, "context canceled") {
					t.Errorf("exit %d", code)
				}
				if got := strings.Replace(s.Calls(), " search", "", 1); got != calls { // the search may come before the answer
					t.Errorf("calls: %s", got)
				}
				list, _ := os.ReadDir(s.Dir)
				if cleanup {
					if !strings.Contains(stderr,
						"volume "+cloudTarget+", created for this restore, is deleted again (--cleanup)") || len(list) > 0 {
						t.Error("not cleaned up:", list)
					}
				} else if !strings.Contains(stderr, remove) {
					t.Error("it is not said how to remove it")
				}
				if t.Failed() || cleanup {
					t.Log(stderr)
					return
				}
				// The printed command continues the restore.
				s.Change(func(*cloudtest.Cloud) { s.Becomes = "" })
				if len(list) == 0 {
					volume := s.File()
					if err := os.WriteFile(volume, nil, 0o600); err != nil {
						t.Fatal(err)
					}
					os.Truncate(volume, 1<<30)
				}
				if s.Get("status") == "creating" {
					s.Set("status", "available")
				}
				_, line, ok := strings.Cut(stderr, "to continue:  restorefs ")
				line, _, _ = strings.Cut(line, "\n")
				words := strings.Fields(strings.NewReplacer("'", "", slow, "").Replace(line))
				if _, stderr, code := s.run(t, words...); !ok || code != 0 ||
					!begins(t, s.File(), 1<<30, content) || s.Meta("a") != "1" ||
					s.Get("status") != "available" {
					t.Errorf("%s: exit %d: %s", line, code, stderr)
				}
			})
		}
	}
}
