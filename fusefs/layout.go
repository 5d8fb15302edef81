package fusefs

import (
	"slices"
	"strings"
	"time"
)

type kind uint8

const (
	dirKind    kind = iota
	backupKind      // the directory of a backup
	linkKind
	volumeKind
	metadataKind
	problemKind
	infoKind
)

// entry is one file, link or directory of the tree. It is not modified once layout has returned it.
// A share has many backups: what is in the directory of one is made when somebody looks.
type entry struct {
	kind   kind
	mtime  time.Time
	backup *Backup // of all but a directory of directories

	children map[string]*entry // of a directory of directories
	order    []string          // the children's names, sorted
}

func (e *entry) add(name string, c *entry) {
	if e.children == nil {
		e.children = make(map[string]*entry)
	}
	e.children[name] = c
}

// names returns the names in a directory, sorted.
func (e *entry) names() []string {
	if e.kind != backupKind {
		return e.order
	}
	names := make([]string, 0, len(filesOfBackup))
	for _, f := range filesOfBackup {
		if e.has(f.kind) {
			names = append(names, f.name)
		}
	}
	return names
}

// child returns the entry of that name, nil when there is none.
func (e *entry) child(name string) *entry {
	if e.kind != backupKind {
		return e.children[name]
	}
	for _, f := range filesOfBackup {
		if f.name == name && e.has(f.kind) {
			return &entry{kind: f.kind, mtime: e.mtime, backup: e.backup}
		}
	}
	return nil
}

// filesOfBackup are the files that the directory of a backup may have, by their names.
var filesOfBackup = []struct {
	name string
	kind kind
}{
	{infoName, infoKind}, {"metadata.json", metadataKind}, {problemName, problemKind},
	{"volume.raw", volumeKind},
}

// has reports whether the directory of a backup has a file of that kind.
func (e *entry) has(k kind) bool {
	if k == problemKind {
		return e.backup.Problem != "" || e.backup.Short != ""
	}
	return e.disk() != nil
}

// disk returns the backup whose disk, with its partitions, is in a directory, nil if there is none.
func (e *entry) disk() *Backup {
	if e.kind == backupKind && (e.backup.Problem == "" || e.backup.Partial) {
		return e.backup
	}
	return nil
}

// target is where a link leads.
func (e *entry) target() string { return "../../backups/" + fileName(e.backup.ID, "") }

// dir returns the directory of that name, which it makes if there is none.
func (e *entry) dir(name string) *entry {
	d := e.children[name]
	if d == nil {
		d = &entry{kind: dirKind}
		e.add(name, d)
	}
	return d
}

// finish sorts the names and gives each directory the time of its newest entry.
func (e *entry) finish() {
	if len(e.children) > 0 {
		e.order = make([]string, 0, len(e.children))
	}
	for name, c := range e.children {
		c.finish()
		e.order = append(e.order, name)
		if c.mtime.After(e.mtime) {
			e.mtime = c.mtime
		}
	}
	slices.Sort(e.order)
}

// find returns the entry at a path below e, nil when there is none.
func (e *entry) find(path string) *entry {
	if path == "" {
		return e
	}
	for name := range strings.SplitSeq(path, "/") {
		if e = e.child(name); e == nil {
			return nil
		}
	}
	return e
}

// layout computes the tree for a list of backups.
func layout(list []Backup) *entry {
	root := &entry{kind: dirKind}
	backups, volumes, names := root.dir("backups"), root.dir("volumes"), root.dir("names")

	byVolume := make(map[string][]*Backup)          // volume id
	byName := make(map[string]map[string][]*Backup) // volume name, volume id
	for i := range list {
		b := &list[i]
		backups.add(fileName(b.ID, ""), &entry{kind: backupKind, mtime: b.CreatedAt, backup: b})
		byVolume[b.VolumeID] = append(byVolume[b.VolumeID], b)
		if byName[b.VolumeName] == nil {
			byName[b.VolumeName] = make(map[string][]*Backup)
		}
		byName[b.VolumeName][b.VolumeID] = append(byName[b.VolumeName][b.VolumeID], b)
	}

	for id, bs := range byVolume {
		d := volumes.dir(fileName(id, ""))
		addTimes(d, bs)
		if b := latest(bs); b != nil && !b.Superseded {
			d.add("latest", link(b))
		}
	}
	for name, volumes := range byName {
		for id, bs := range volumes {
			newest := latest(byVolume[id])
			if len(volumes) == 1 {
				id = ""
			}
			d := names.dir(fileName(name, id))
			addTimes(d, bs)
			// Under a former name it would lead to another backup than the volume's latest.
			if newest != nil && !newest.Superseded && newest.VolumeName == name {
				d.add("latest", link(newest))
			}
		}
	}
	root.finish()
	return root
}

// addTimes links backups by their times, and those of the same second by time
// and id.
func addTimes(d *entry, bs []*Backup) {
	count := make(map[string]int)
	for _, b := range bs {
		count[timeName(b.CreatedAt)]++
	}
	for _, b := range bs {
		name := timeName(b.CreatedAt)
		if count[name] > 1 {
			name = fileName(name, b.ID)
		}
		d.add(name, link(b))
	}
}

func link(b *Backup) *entry { return &entry{kind: linkKind, mtime: b.CreatedAt, backup: b} }

// latest returns the newest backup without a problem, nil when there is none.
// Of two made at the same time it takes the one with the greater id, so that
// the choice is stable.
func latest(bs []*Backup) *Backup {
	var best *Backup
	for _, b := range bs {
		if b.Problem != "" {
			continue
		}
		if best == nil || b.CreatedAt.After(best.CreatedAt) ||
			(b.CreatedAt.Equal(best.CreatedAt) && b.ID > best.ID) {
			best = b
		}
	}
	return best
}
