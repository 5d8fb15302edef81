package completion

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share/locate"
)

// Source says where to look for what was seen of a share.
type Source struct {
	Share    string // as --share has it; "" for what the configuration says
	Config   string // of Cinder
	CacheDir string // "" for none
}

// volume is a volume whose backups were seen.
type volume struct {
	id, name string // the newest name, "" for none
	backups  []*scanned.Facts
}

// known is what was seen of a share.
type known struct {
	volumes []*volume
	backups int
}

// load returns what was seen of the share, without touching it; nothing if that is not known.
func (s Source) load() (k known) {
	if s.CacheDir == "" {
		return k
	}
	dir := filepath.Join(s.CacheDir, "scanned")
	for _, place := range locate.Places(locate.Options{Share: s.Share, Config: s.Config}) {
		tree, err := scanned.At(dir, place).Load()
		if err != nil || tree == nil {
			continue
		}
		return newKnown(tree)
	}
	return k
}

func newKnown(tree *scanned.Tree) (k known) {
	byID := map[string]*volume{}
	for f := range tree.All {
		v := byID[f.VolumeID]
		if v == nil {
			v = &volume{id: f.VolumeID}
			byID[f.VolumeID] = v
			k.volumes = append(k.volumes, v)
		}
		v.backups = append(v.backups, f)
		k.backups++
	}
	for _, v := range k.volumes {
		slices.SortFunc(v.backups, func(a, b *scanned.Facts) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
		})
		for _, f := range v.backups {
			if m := f.VolumeMeta; m != nil && m.Base.Name != nil && *m.Base.Name != "" {
				v.name = *m.Base.Name
			}
		}
	}
	slices.SortFunc(k.volumes, func(a, b *volume) int { return strings.Compare(a.id, b.id) })
	return k
}

// typeable reports whether a name of others may be completed to. One that would be read as a flag,
// or that cannot be seen as it is, is not: its id remains.
func typeable(name string) bool {
	return name != "" && name[0] != '-' && utf8.ValidString(name) &&
		strings.IndexFunc(name, func(r rune) bool {
			return safetext.Steers(r) || r == utf8.RuneError
		}) < 0 && strings.TrimSpace(name) == name
}

// described returns words about a backup.
func described(v *volume, f *scanned.Facts) string {
	words := f.CreatedAt.UTC().Format(time.DateTime)
	for _, name := range []*string{f.Name, &v.name} {
		if name != nil && *name != "" {
			words += ", " + safetext.Printable(safetext.Cut(*name, 40))
		}
	}
	return words
}
