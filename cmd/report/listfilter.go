package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/proven"
)

// Filter says which backups are listed: those that are all that it says.
type Filter struct {
	Volumes map[string]bool // by id; nil: of all volumes
	// States; nil: all but incomplete.
	States map[backupstore.State]bool
	// Damaged: besides those of States all of which verify has found damage.
	Damaged bool
	Name    *regexp.Regexp // of the volume now or then, or of the backup; nil: any
	Project string         // id, "": any
	Since   time.Time      // made then or later
	MinSize int64          // of the volume
}

// Has says whether a backup is listed, but for its state. names are those of its volume.
func (f Filter) Has(b *backupstore.Backup, names []string) bool {
	switch {
	case f.Volumes != nil && !f.Volumes[b.VolumeID],
		b.CreatedAt.Before(f.Since),
		b.Size < f.MinSize,
		f.Project != "" && projectOf(b) != f.Project:
		return false
	case f.Name == nil:
		return true
	}
	called := []string{b.VolumeName()}
	if len(names) > 0 {
		called = append(called, names[0])
	}
	if b.Name != nil {
		called = append(called, *b.Name)
	}
	return slices.ContainsFunc(called,
		func(s string) bool { return s != "" && f.Name.MatchString(s) })
}

// HasState says whether a backup is listed that is in a state, and of which that is known.
func (f Filter) HasState(s backupstore.State, known proven.Last) bool {
	if f.States == nil && !f.Damaged {
		return s != backupstore.Incomplete
	}
	return f.States[s] || f.Damaged && known.Bad != nil
}

func projectOf(b *backupstore.Backup) string {
	if b.VolumeMeta == nil || b.VolumeMeta.Base.ProjectID == nil {
		return ""
	}
	return *b.VolumeMeta.Base.ProjectID
}

// AnyState returns all states.
func AnyState() map[backupstore.State]bool {
	return map[backupstore.State]bool{
		backupstore.Complete: true, backupstore.Broken: true, backupstore.Incomplete: true,
	}
}

// damagedWord selects backups of which verify has found damage, whatever their state.
const damagedWord = "damaged"

// ParseStates takes the names of states, and damaged, separated by commas, and has the filter
// select these.
func (f *Filter) ParseStates(text string) error {
	f.States = map[backupstore.State]bool{}
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		found := word == damagedWord
		f.Damaged = f.Damaged || found
		for s := backupstore.Complete; s <= backupstore.Incomplete; s++ {
			if s.String() == word {
				f.States[s], found = true, true
			}
		}
		if !found {
			return fmt.Errorf("--state %s: it is complete, broken, incomplete or damaged "+
				"(as verify has found out), or several of these with commas", text)
		}
	}
	return nil
}

// ParseGlob takes a pattern for names: * is any characters, ? is one, [a-z] one of these. Small and
// capital letters are the same.
func ParseGlob(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?is)\A`)
	for rest := pattern; rest != ""; {
		end := strings.IndexByte(rest, ']')
		switch c := rest[0]; {
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteByte('.')
		case c == '[' && end > 1:
			b.WriteString("[" + strings.ReplaceAll(
				strings.Replace(rest[1:end], "!", "^", 1), `\`, `\\`) + "]")
			rest = rest[end:]
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[1:]
	}
	re, err := regexp.Compile(b.String() + `\z`)
	if err != nil {
		return nil, fmt.Errorf("%q is no pattern such as 'db*' or 'web-[0-9]'", pattern)
	}
	return re, nil
}

// Orders of a list, by [Sort].
const (
	ByVolume = ""     // by the volumes' ids
	ByName   = "name" // by the volumes' newest names; volumes without one are the last
	ByTime   = "time" // the volume with the newest backup is the last
	BySize   = "size" // the largest volume is the first
)

// Sort puts the volumes of a list in order. The backups of each stay together, and in theirs: the
// oldest first.
func Sort(backups []*backupstore.Backup, names map[string][]string, by string) {
	newest := map[string]*backupstore.Backup{}
	size := map[string]int64{}
	for _, b := range backups {
		newest[b.VolumeID] = b
		if b.Size > 0 {
			size[b.VolumeID] = b.Size
		}
	}
	name := func(id string) (unnamed int, s string) {
		if len(names[id]) == 0 {
			return 1, ""
		}
		return 0, strings.ToLower(names[id][0])
	}
	slices.SortStableFunc(backups, func(a, b *backupstore.Backup) int {
		order := 0
		switch by {
		case ByName:
			noA, nameA := name(a.VolumeID)
			noB, nameB := name(b.VolumeID)
			order = cmp.Or(cmp.Compare(noA, noB), strings.Compare(nameA, nameB))
		case ByTime:
			order = newest[a.VolumeID].CreatedAt.Compare(newest[b.VolumeID].CreatedAt)
		case BySize:
			order = cmp.Compare(size[b.VolumeID], size[a.VolumeID])
		}
		return cmp.Or(order, strings.Compare(a.VolumeID, b.VolumeID))
	})
}
