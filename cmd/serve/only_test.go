package serve

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestAMountOfSomeBackupsHasTheLatestOrNone(t *testing.T) {
	dir := t.TempDir()
	volume, other := storetest.ID("volume"), storetest.ID("other volume")
	write := func(label, volume string, day int) string {
		return storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(label), VolumeID: volume,
			Content: storetest.Text(1<<16, 7),
			Created: time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)}).ID
	}
	older, newer, else1 := write("older", volume, 1), write("newer", volume, 2),
		write("else", other, 1)
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(s, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		backups, volumes []string
		served           []string
		superseded       []string
	}{
		"all": {nil, nil, []string{older, newer, else1}, nil},
		"an old one": {[]string{older}, nil, []string{older},
			[]string{older}},
		"the newest one": {[]string{newer}, nil, []string{newer}, nil},
		"an old one of which the new is": {[]string{older, newer}, nil, []string{older, newer},
			nil},
		"a volume": {nil, []string{volume[:8]}, []string{older, newer},
			nil},
		"a volume, and a backup elsewhere": {[]string{else1}, []string{strings.ToUpper(volume)},
			[]string{older, newer, else1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			only, _, err := Only(catalog, test.backups, test.volumes)
			if err != nil {
				t.Fatal(err)
			}
			disks, err := New(t.Context(), catalog, Options{Only: only})
			if err != nil {
				t.Fatal(err)
			}
			defer disks.Close()
			shown, err := disks.Backups(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var served, superseded []string
			for _, b := range shown {
				served = append(served, b.ID)
				if b.Superseded {
					superseded = append(superseded, b.ID)
				}
			}
			slices.Sort(served)
			slices.Sort(test.served)
			if !slices.Equal(served, test.served) || !slices.Equal(superseded, test.superseded) {
				t.Errorf("%q, superseded %q", served, superseded)
			}
		})
	}
	for says, refs := range map[string][2][]string{
		"--volume " + volume + " mounts all of them": {{volume}, nil},
		"no such backup of volume \"ffffffff\"":      {nil, {"ffffffff"}},
		"names no volume":                            {nil, {""}},
	} {
		if _, _, err := Only(catalog, refs[0], refs[1]); !errors.Is(err, backupstore.ErrNoBackup) &&
			!errors.Is(err, backupstore.ErrAmbiguous) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", refs, err)
		}
	}
}
