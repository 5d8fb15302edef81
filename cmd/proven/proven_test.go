package proven

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// backup returns one whose files have a size.
func backup(label string, bytes int64) *backupstore.Backup {
	return &backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{
		ID: storetest.ID(label), StoredBytes: bytes, CreatedAt: now,
	}}}
}

func right(b *backupstore.Backup) backupstore.Report {
	return backupstore.Report{Backup: b, OK: true, Bytes: 100, Blocks: 5, SampledOf: 100}
}

func damaged(b *backupstore.Backup, sibling string) backupstore.Report {
	return backupstore.Report{Backup: b,
		Damaged: []backupstore.Damage{{Offset: 4096, Length: 512, Sibling: sibling}}}
}

func opened(t *testing.T, dir string) *Book {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func save(t *testing.T, b *Book) {
	t.Helper()
	if err := b.Save(t.Context(), now.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasFoundOutIsKnownToTheNextProcess(t *testing.T) {
	dir := t.TempDir()
	a, b := backup("a", 1), backup("b", 1)
	first := opened(t, dir)
	first.Add(right(a), 0, now)
	first.Add(damaged(b, "other"), 0, now)
	save(t, first)
	next := opened(t, dir)
	if l := next.Of(a); l.All == nil || !l.All.At.Equal(now) || !l.All.OK || l.Some != nil || l.Bad != nil {
		t.Errorf("%+v", l)
	}
	l := next.Of(b)
	if l.Bad == nil || l.Bad.Lost != 512 || l.Bad.Healed != 512 || len(l.Bad.Damaged) != 1 || l.Bad.Damaged[0] != (Range{4096, 512, true}) {
		t.Errorf("%+v", l.Bad)
	}
	if l := next.Of(backup("a", 2)); l.Known() {
		t.Errorf("it is said of other files: %+v", l)
	}
}

func TestAPartThatIsRightHidesNoDamage(t *testing.T) {
	a := backup("a", 1)
	book := opened(t, t.TempDir())
	book.Add(damaged(a, ""), 0, now)
	book.Add(right(a), 0.05, now.Add(time.Hour))
	if l := book.Of(a); l.Bad == nil || l.Some == nil || l.Some.Part != 0.05 {
		t.Errorf("%+v", l)
	}
	book.Add(backupstore.Report{Backup: a, Unread: []error{errors.New("permission denied")}}, 0, now.Add(2*time.Hour))
	if l := book.Of(a); l.Bad == nil || l.All.OK {
		t.Errorf("what could not be read proves nothing: %+v", l)
	}
	book.Add(right(a), 0, now.Add(3*time.Hour))
	if l := book.Of(a); l.Bad != nil || l.Some != nil || !l.All.OK {
		t.Errorf("all of it is right: %+v", l)
	}
	none := right(a)
	none.Blocks = 0
	book.Add(none, 0.05, now.Add(4*time.Hour))
	if l := book.Of(a); l.Some != nil {
		t.Errorf("no block was chosen: %+v", l.Some)
	}
}

func TestAPartThatIsDamagedHidesNoOtherDamage(t *testing.T) {
	a := backup("a", 1)
	book := opened(t, t.TempDir())
	found := func(part float64, hours int, d ...backupstore.Damage) Proof {
		t.Helper()
		book.Add(backupstore.Report{Backup: a, Damaged: d}, part, now.Add(time.Duration(hours)*time.Hour))
		bad := book.Of(a).Bad
		if bad == nil || !bad.sound() {
			t.Fatalf("%+v", bad)
		}
		return *bad
	}
	found(0, 0, backupstore.Damage{Offset: 0, Length: 100}, backupstore.Damage{Offset: 500, Length: 100, Sibling: "b"})
	bad := found(0.05, 1, backupstore.Damage{Offset: 550, Length: 100, Sibling: "b"})
	if want := []Range{{0, 100, false}, {500, 150, true}}; bad.Lost != 250 || bad.Healed != 150 || !slices.Equal(bad.Damaged, want) {
		t.Errorf("a part that is healed, beside what is lost: %+v", bad)
	}
	bad = found(0.05, 2, backupstore.Damage{Offset: 600, Length: 50})
	if want := []Range{{0, 100, false}, {500, 100, true}, {600, 50, false}}; bad.Lost != 250 || bad.Healed != 100 || !slices.Equal(bad.Damaged, want) {
		t.Errorf("a part of it that is healed no longer: %+v", bad)
	}
	bad = found(0.05, 3, backupstore.Damage{Offset: 0, Length: 100, Sibling: "b"})
	if bad.Lost != 250 || bad.Healed != 100 {
		t.Errorf("a proof of a part has healed something: %+v", bad)
	}
	if bad = found(1, 4, backupstore.Damage{Offset: 0, Length: 1}); bad.Lost != 250 {
		t.Errorf("a sample of all, which believes digests, is one of all: %+v", bad)
	}
	if bad = found(0, 5, backupstore.Damage{Offset: 0, Length: 100, Sibling: "b"}); bad.Lost != 100 || bad.Healed != 100 {
		t.Errorf("a proof of all says what is damaged now: %+v", bad)
	}
	var many []backupstore.Damage
	for i := range int64(2 * MaxRanges) {
		many = append(many, backupstore.Damage{Offset: i * 100, Length: 10, Sibling: "b"})
	}
	found(0, 6, many...)
	if bad = found(0.05, 7, many[0]); bad.Lost != 20*MaxRanges || bad.Healed != bad.Lost || len(bad.Damaged) != MaxRanges {
		t.Errorf("what is damaged beyond the ranges that are kept: %+v", bad)
	}
}

func TestTwoProcessesKeepWhatEachFoundOut(t *testing.T) {
	dir := t.TempDir()
	a, b := backup("a", 1), backup("b", 1)
	one, other := opened(t, dir), opened(t, dir)
	one.Add(right(a), 0, now)
	other.Add(right(b), 0, now)
	other.Add(right(a), 0.1, now.Add(-time.Hour))
	save(t, one)
	save(t, other)
	if last := opened(t, dir); !last.Of(a).Known() || !last.Of(b).Known() || last.Of(a).All == nil {
		t.Errorf("%+v %+v", last.Of(a), last.Of(b))
	}
}

func TestTwoProcessesLoseNoDamageOfOneBackup(t *testing.T) {
	a := backup("a", 1)
	other := backupstore.Report{Backup: a, Damaged: []backupstore.Damage{{Offset: 0, Length: 100}}}
	for what, test := range map[string]struct {
		first, second       backupstore.Report
		firstPart, nextPart float64
		hours               int // of the second after the first, which is saved first
		lost                int64
	}{
		"a part beside a later part":         {other, damaged(a, ""), 0.1, 0.1, 1, 612},
		"a part beside an earlier part":      {other, damaged(a, ""), 0.1, 0.1, -1, 612},
		"a right part after damage":          {damaged(a, ""), right(a), 0, 0.1, 1, 512},
		"a right whole before damage":        {damaged(a, ""), right(a), 0.1, 0, -1, 512},
		"a right whole after damage":         {damaged(a, ""), right(a), 0.1, 0, 1, 0},
		"damage before a right whole":        {right(a), damaged(a, ""), 0, 0.1, -1, 0},
		"damage of a part before one of all": {other, damaged(a, ""), 0, 0.1, -1, 612},
	} {
		dir := t.TempDir()
		one, next := opened(t, dir), opened(t, dir)
		one.Add(test.first, test.firstPart, now)
		next.Add(test.second, test.nextPart, now.Add(time.Duration(test.hours)*time.Hour))
		save(t, one)
		save(t, next)
		if bad := opened(t, dir).Of(a).Bad; (bad == nil) != (test.lost == 0) || bad != nil && bad.Lost != test.lost {
			t.Errorf("%s: %+v", what, bad)
		}
	}
}

func TestAClockThatWasAheadHidesNoProof(t *testing.T) {
	dir, a := t.TempDir(), backup("a", 1)
	ahead := opened(t, dir)
	ahead.Add(right(a), 0, now.AddDate(1, 0, 0))
	save(t, ahead)
	book := opened(t, dir)
	book.Add(damaged(a, ""), 0, now)
	save(t, book)
	if l := opened(t, dir).Of(a); l.Bad == nil || l.All.OK || !l.All.At.Equal(now) {
		t.Errorf("%+v", l)
	}
	changed := backup("a", 2)
	ahead.Add(right(changed), 0, now.AddDate(1, 0, 0))
	save(t, ahead)
	save(t, ahead)
	book.Add(damaged(a, ""), 0, now)
	save(t, book)
	if l := opened(t, dir).Of(a); l.Bad == nil {
		t.Errorf("other files, seen by a clock that was ahead: %+v", l)
	}
}

func TestWhatStandsInTheFileIsNotBelieved(t *testing.T) {
	dir, a := t.TempDir(), backup("a", 1)
	book := opened(t, dir)
	book.Add(right(a), 0, now)
	save(t, book)
	path := filepath.Join(dir, fileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"a part that is none":         {`"part":1`, `"part":-1`},
		"one of more than all":        {`"part":1`, `"part":1e300`},
		"right, and damaged":          {`"part":1`, `"part":1,"lost":5`},
		"a year that is none":         {`"at":"2026`, `"at":"0001`},
		"a negative range":            {`"ok":true,"part":1`, `"ok":false,"part":1,"lost":1,"damaged":[{"offset":-1,"length":1}]`},
		"an id that is none":          {`"backup":"`, `"backup":"\u001b`},
		"a version that is none":      {`"of":"`, `"of":"../`},
		"no proof at all":             {`"all":`, `"none":`},
		"something else":              {`{`, `[`},
		"a line that is longer":       {`{`, `{"x":"` + strings.Repeat("x", maxLine) + `",`},
		"damage that is no damage":    {`"all":`, `"bad":`},
		"more healed than is damaged": {`"ok":true,"part":1`, `"ok":false,"part":1,"healed":5`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing changed in %s", what, good)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if l := opened(t, dir).Of(a); l.Known() {
			t.Errorf("%s: %+v", what, l)
		}
	}
	if err := os.WriteFile(path, append([]byte("\x00rubbish\n"), good...), 0o600); err != nil {
		t.Fatal(err)
	}
	if !opened(t, dir).Of(a).Known() {
		t.Error("a line is lost because another makes no sense")
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a file that everybody can write to is read")
	}
}

// A copy can have every time of its original but the ctime.
func TestAShareAndItsCopyHaveProofsOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	original, copied := backup("a", 1), backup("a", 1)
	original.Metadata.Modified, original.Metadata.Changed = 5, 6
	copied.Metadata.Modified, copied.Metadata.Changed = 5, 7
	book := opened(t, dir)
	book.Add(right(original), 0, now)
	save(t, book)
	if l := opened(t, dir).Of(copied); l.Known() {
		t.Errorf("nothing was proven of the copy: %+v", l)
	}
	book.Add(damaged(copied, ""), 0, now.Add(time.Hour))
	save(t, book)
	last := opened(t, dir)
	if l := last.Of(original); l.Bad != nil || l.All == nil || !l.All.OK {
		t.Errorf("the original has what was found out of its copy: %+v", l)
	}
	if l := last.Of(copied); l.Bad == nil || l.Bad.Lost != 512 {
		t.Errorf("%+v", l)
	}
}
