package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// history is volumes of a real Cinder and their backups, with what each volume was at the time.
type history struct {
	user  *session
	admin *session // admins see more of a volume
	made  map[string]moment
}

// moment is a backup, and its volume as it was then.
type moment struct {
	backup, volume string
	view           object
	content        storetest.Content
}

const historySize = 6<<20 + 1536 // seven objects; not a whole number of blocks

// makeHistory makes three volumes, one of them with a chain of backups between which everything
// changes that a backup records of a volume.
func makeHistory(t *testing.T, c *realCloud) *history {
	t.Helper()
	s := c.mustLogin(t, "demo")
	h := &history{user: s, admin: c.mustLogin(t, "admin"), made: map[string]moment{}}
	note := func(name, volume string, content storetest.Content, incremental bool) {
		c.fill(t, volume, content)
		v := h.admin.view(t, volume)
		h.made[name] = moment{s.backup(t, volume, incremental), volume, v, content}
	}
	disk := storetest.Disk(historySize, 6)

	db := s.newVolume(t, object{
		"name": "база данных 🗄", "description": "zwei\nZeilen",
		"metadata": object{"owner": "Łukasz", "tier 1": "gold", "empty": ""},
	})
	s.action(t, db, "os-set_image_metadata", object{"metadata": object{"os_distro": "debian",
		"min_disk": "1", "hw:x/y": "ü", "gone": "x"}})
	s.action(t, db, "os-set_bootable", object{"bootable": true})
	note("full", db, disk, false)

	s.call(t, "PUT", "/volumes/"+db, object{"volume": object{"name": "renamed",
		"description": "other"}}, 200, nil)
	s.call(t, "PUT", "/volumes/"+db+"/metadata", object{"metadata": object{"tier 1": "silver",
		"new": "é"}}, 200, nil)
	s.action(t, db, "os-unset_image_metadata", object{"key": "gone"})
	s.action(t, db, "os-set_image_metadata", object{"metadata": object{"os_distro": "arch"}})
	changed := storetest.Overlay(disk, storetest.Random(historySize, 7),
		storetest.Extent{Offset: 100, Length: 1 << 20},
		storetest.Extent{Offset: 4 << 20, Length: 70000})
	note("changed", db, changed, true)

	s.call(t, "PUT", "/volumes/"+db, object{"volume": object{"description": nil}}, 200, nil)
	s.call(t, "PUT", "/volumes/"+db+"/metadata", object{"metadata": object{}}, 200, nil)
	for _, key := range []string{"os_distro", "min_disk", "hw:x/y"} {
		s.action(t, db, "os-unset_image_metadata", object{"key": key})
	}
	s.action(t, db, "os-set_bootable", object{"bootable": false})
	wiped := storetest.Overlay(changed, storetest.Zeros(historySize),
		storetest.Extent{Offset: 0, Length: 2 << 20})
	note("cleared", db, wiped, true)

	note("bare", s.newVolume(t, nil), storetest.Disk(1<<20, 8), false)
	described := s.newVolume(t, object{"description": "without a name",
		"metadata": object{"k": "v"}})
	s.action(t, described, "os-set_bootable", object{"bootable": true}) // without image metadata
	note("described", described, storetest.Disk(1<<20, 9), false)
	return h
}

// materialize restores to a new volume and returns its id.
func (h *history) materialize(t *testing.T, m moment, flags ...string) string {
	t.Helper()
	args := append([]string{"materialize", "--share", h.user.cloud.backups, "--new-volume",
		"--device-path", h.user.cloud.disk("{id}"), "--yes"}, flags...)
	_, stderr := h.user.must(t, append(args, m.backup)...)
	if strings.Contains(stderr, "cannot be reserved") {
		t.Error(stderr)
	}
	_, after, found := strings.Cut(stderr, "created volume ")
	if id, _, cut := strings.Cut(after, ","); found && cut {
		return id
	}
	t.Fatalf("which volume? %s", stderr)
	return ""
}

func TestARealCloudsVolumeIsAsItWasAndAsCinderRestoresIt(t *testing.T) {
	c := needCloud(t)
	h := makeHistory(t, c)
	for name, m := range h.made {
		t.Run("new volume/by default as it was/"+name, func(t *testing.T) {
			id := h.materialize(t, m)
			want := object{}
			for k, v := range m.view {
				want[k] = v
			}
			metadata := object{"src_backup_id": m.backup}
			for k, v := range m.view["metadata"].(object) {
				metadata[k] = v
			}
			want["metadata"] = metadata
			sameView(t, want, h.admin.view(t, id))
			c.sameContent(t, id, m.content, 1)
		})
		t.Run("new volume/by Cinder's rule/"+name, func(t *testing.T) {
			id, theirs := h.materialize(t, m, "--metadata-rule", "cinder"),
				h.user.restore(t, m.backup, "", "")
			sameView(t, h.admin.view(t, theirs), h.admin.view(t, id))
			// Only "cleared" has zeros in an incremental backup.
			if name != "cleared" || cinderRestoresRight(t) {
				h.sameDisks(t, theirs, id)
			} else {
				c.sameContent(t, id, m.content, 1)
			}
		})
	}
	full, bare := h.made["full"], h.made["bare"]
	t.Run("new volume/by Cinder's rule/with a name of its own", func(t *testing.T) {
		id, theirs := h.materialize(t, full, "--metadata-rule", "cinder", "--name", "neuer Name ü"),
			h.user.restore(t, full.backup, "", "neuer Name ü")
		sameView(t, h.admin.view(t, theirs), h.admin.view(t, id))
	})
	for name, test := range map[string]struct {
		m      moment
		target object
		image  object
		gib    int64
	}{
		"named, with metadata": {full,
			object{"name": "mine", "description": "too", "metadata": object{"own": "x"}},
			object{"own_img": "y"}, 1},
		"unnamed, with metadata, from a full one": {full,
			object{"metadata": object{"own": "x"}}, object{"own_img": "y"}, 1},
		"unnamed, with metadata, from one that has none": {bare,
			object{"metadata": object{"own": "kept"}}, object{"own_img": "kept"}, 1},
		"unnamed, from the end of a chain": {h.made["cleared"], nil, nil, 1},
		"larger than the backup":           {full, object{"size": 2}, nil, 2},
	} {
		t.Run("existing volume/by Cinder's rule/"+name, func(t *testing.T) {
			target := func() string {
				id := h.user.newVolume(t, test.target)
				if test.image != nil {
					h.user.action(t, id, "os-set_image_metadata", object{"metadata": test.image})
				}
				return id
			}
			ours, theirs := target(), target()
			h.user.must(t, "materialize", "--share", c.backups, "--volume", ours, "--metadata-rule",
				"cinder", "--yes", test.m.backup, c.disk(ours))
			h.user.restore(t, test.m.backup, theirs, "")
			want := h.admin.view(t, theirs)
			sameView(t, want, h.admin.view(t, ours))
			c.sameContent(t, ours, test.m.content, test.gib)

			h.user.call(t, "POST", "/volumes/"+ours+"/metadata",
				object{"metadata": object{"src_backup_id": "changed"}}, 200, nil)
			h.user.action(t, ours, "os-set_bootable",
				object{"bootable": want["bootable"] != "true"})
			h.user.must(t, "materialize", "--share", c.backups, "--volume", ours, "--metadata-rule",
				"cinder", "--metadata-only", test.m.backup)
			got := h.admin.view(t, ours)
			if test.m.backup == bare.backup { // the backup does not say whether it was
				got["bootable"] = want["bootable"]
			}
			sameView(t, want, got)
		})
	}
	t.Run("new volume/by Cinder's rule/a disk of a whole GiB", func(t *testing.T) {
		volume := h.user.newVolume(t, object{"name": "whole"})
		f, err := os.OpenFile(c.disk(volume), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data := storetest.Disk(historySize, 10)
		for _, off := range []int64{0, 512<<20 + 4096, 1<<30 - historySize} {
			if _, err := io.Copy(io.NewOffsetWriter(f, off),
				io.NewSectionReader(data, 0, historySize)); err != nil {
				t.Fatal(err)
			}
		}
		backup := h.user.backup(t, volume, false)
		id, theirs := h.materialize(t, moment{backup: backup}, "--metadata-rule", "cinder"),
			h.user.restore(t, backup, "", "")
		sameView(t, h.admin.view(t, theirs), h.admin.view(t, id))
		sameDisk(t, c.disk(volume), c.disk(id))
		sameDisk(t, c.disk(theirs), c.disk(id))
	})
	t.Run("onto the volume itself", func(t *testing.T) {
		m := h.made["changed"]
		h.user.must(t, "materialize", "--share", c.backups, "--volume", m.volume, "--force",
			"--yes", m.backup, c.disk(m.volume))
		got := h.admin.view(t, m.volume)
		// It has a name, which stays, as it does with Cinder.
		want := object{}
		for k, v := range m.view {
			want[k] = v
		}
		want["description"] = got["description"]
		sameView(t, want, got)
	})
}

// sameDisks compares the disk that restorefs wrote with the one that Cinder wrote, which ends where
// the backup does (Cinder truncates the file).
func (h *history) sameDisks(t *testing.T, theirs, ours string) {
	t.Helper()
	if err := os.Truncate(h.user.cloud.disk(theirs), 1<<30); err != nil {
		t.Fatal(err)
	}
	sameDisk(t, h.user.cloud.disk(theirs), h.user.cloud.disk(ours))
}
