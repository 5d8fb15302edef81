package backupstore

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// crowd returns a snapshot in which ids, names and the starts of ids are often the same.
func crowd(r *rand.Rand) []*Backup {
	word := func() string {
		return []string{"", "db", "aaaa", "aaaa1111", "bbbb2222", "db@latest", "a@2026-01-02", "=", "id=aaaa"}[r.IntN(9)]
	}
	ids := []string{"aaaa1111", "aaaa2222", "bbbb1111", "bbbb2222", "cccc0000", "aaaa11112", "dddd", "dddd0000"}
	r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	var all []*Scanned
	for _, id := range ids[:1+r.IntN(len(ids))] {
		volume := []string{"aaaa1111", "bbbb0000", "eeee0000", "ffff0000"}[r.IntN(4)]
		made := func(b *Scanned) {
			b.CreatedAt = time.Date(2026, 1, 1+r.IntN(3), 0, 0, r.IntN(2), r.IntN(2)*5e8, time.UTC)
		}
		b := own(id, "", ofVolume(volume), called(word(), word()), made)
		if r.IntN(4) == 0 {
			incomplete(b)
		}
		all = append(all, b)
	}
	backups := resolved(all...).backups
	slices.SortFunc(backups, byVolumeAndTime)
	return backups
}

func mustRef(t *testing.T, text string) Ref {
	t.Helper()
	r, err := ParseRef(text, time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r
}

func TestWhateverNamesThereAreAnIdNamesItsOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		backups := crowd(r)
		for _, b := range backups {
			for _, text := range []string{b.ID, strings.ToUpper(b.ID), "id=" + b.ID} {
				if f, err := Select(backups, mustRef(t, text)); err != nil || f.Backup != b {
					t.Fatalf("%q: %v, %v", text, f, err)
				}
			}
			v, err := ParseVolumeRef(b.VolumeID)
			if err != nil {
				t.Fatal(err)
			}
			if f, err := SelectVolume(backups, v); err != nil || f.ID != b.VolumeID {
				t.Fatalf("volume %q: %v, %v", b.VolumeID, f, err)
			}
		}
	}
}

// A time that was shown finds the backup that it was shown for, or one of the same second, in
// whatever form it was shown.
func TestAShownTimeFindsItsBackup(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	forms := []string{
		"2006-01-02 15:04:05", "2006-01-02 15:04:05 MST", time.RFC3339, time.RFC3339Nano,
		"2006-01-02T15:04:05-0700", time.RFC1123Z, time.RFC1123, time.UnixDate,
	}
	for range 200 {
		backups := crowd(r)
		for _, b := range backups {
			if b.State != Complete {
				continue
			}
			form := forms[r.IntN(len(forms))]
			text := b.VolumeID + "@" + b.CreatedAt.Format(form)
			f, err := Select(backups, mustRef(t, text))
			if err != nil || f.Backup.VolumeID != b.VolumeID ||
				!f.Backup.CreatedAt.Truncate(time.Second).Equal(b.CreatedAt.Truncate(time.Second)) {
				t.Fatalf("%q: %v, %v, not %s of %s", text, f.Backup, err, b.ID, b.CreatedAt)
			}
		}
	}
}

// FuzzRef has anything typed as the name of a backup. What is found is what the text may mean; what
// is not is a usable error; and neither steers a terminal.
func FuzzRef(f *testing.F) {
	for _, text := range []string{
		"aaaa1111", "db@latest", "name=db@2026-01-02", "db@2026-01-02 00:00:01", "id=aaaa",
		"aaaa@yesterday 18:00 +01:00", "db@2h ago", "a@Thu Jan  1 00:00:01 UTC 2026@latest", "@", "name=@now",
	} {
		f.Add(uint64(1), text)
	}
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		backups := crowd(rand.New(rand.NewPCG(seed, seed)))
		r, err := ParseRef(text, time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC))
		var found Found
		if err == nil {
			found, err = Select(backups, r)
		}
		if err != nil {
			if !errors.Is(err, ErrNoBackup) && !errors.Is(err, ErrAmbiguous) {
				t.Fatalf("%q: %v", text, err)
			}
			if many, ok := errors.AsType[*AmbiguousError](err); ok && len(many.Candidates) < 2 {
				t.Fatalf("%q could only be %v", text, many.Candidates)
			}
			return
		}
		b := found.Backup
		for _, note := range found.Notes {
			if strings.ContainsFunc(note, safetext.Steers) {
				t.Fatalf("%q: note %q", text, note)
			}
		}
		whole := b.called(r.whole().Name) || is(b.VolumeName(), r.whole().Name)
		if m := r.Moment; m != nil && !whole && (b.State != Complete || !m.Latest && b.CreatedAt.After(m.Until)) {
			t.Fatalf("%q: %s, which is %s and of %s", text, b.ID, b.State, b.CreatedAt)
		}
		named := hasPrefixFold(b.ID, r.Name) || hasPrefixFold(b.VolumeID, r.Name)
		for _, o := range backups {
			named = named || o.VolumeID == b.VolumeID && (o.called(r.Name) || is(o.VolumeName(), r.Name))
		}
		if !named && !whole {
			t.Fatalf("%q: %s, which is not called so", text, b.ID)
		}
	})
}
