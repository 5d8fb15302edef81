package fusefs

import (
	"slices"
	"strings"
	"time"
)

type kind uint8

const (
	dirKind kind = iota
	linkKind
	volumeKind
	metadataKind
	problemKind
	infoKind
)

// entry is one file, link or directory of the tree. It is not modified once
// layout has returned it.
type entry struct {
	kind   kind
	mtime  time.Time
	target string  // of a link
	backup *Backup // of a file, and of a directory that may have partitions

	children map[string]*entry // of a directory
	order    []string          // the children's names, sorted
}

func (e *entry) add(name string, c *entry) {
	if e.children == nil {
		e.children = make(map[string]*entry)
	}
	e.children[name] = c
}

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
		if e = e.children[name]; e == nil {
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
		d := backups.dir(fileName(b.ID, ""))
		if b.Problem == "" || b.Partial {
			d.backup = b
			d.add("volume.raw", &entry{kind: volumeKind, mtime: b.CreatedAt, backup: b})
			d.add("metadata.json", &entry{kind: metadataKind, mtime: b.CreatedAt, backup: b})
			d.add(infoName, &entry{kind: infoKind, mtime: b.CreatedAt, backup: b})
		}
		if b.Problem != "" || b.Short != "" {
			d.add(problemName, &entry{kind: problemKind, mtime: b.CreatedAt, backup: b})
		}
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
			if len(volumes) == 1 {
				id = ""
			}
			addTimes(names.dir(fileName(name, id)), bs)
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

func link(b *Backup) *entry {
	return &entry{kind: linkKind, mtime: b.CreatedAt, target: "../../backups/" + fileName(b.ID, "")}
}

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
