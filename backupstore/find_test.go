package backupstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

// at sets the time of a backup.
func at(when string, change ...func(*Scanned)) func(*Scanned) {
	return func(b *Scanned) {
		b.CreatedAt, _ = time.Parse(time.RFC3339, when)
		for _, f := range change {
			f(b)
		}
	}
}

// called gives a backup a name, and its volume, unless they are "".
func called(name, volume string) func(*Scanned) {
	return func(b *Scanned) {
		if name != "" {
			b.Name = &name
		}
		if volume != "" {
			b.VolumeMeta = &format.VolumeSummary{Base: format.VolumeBase{Name: &volume}}
		}
	}
}

// wanted is what a lookup is to give.
type wanted struct {
	id    string
	notes string // "": none
	is    error
	says  string
}

// findAll looks each reference up in a catalogue that has these backups.
func findAll(t *testing.T, backups []*Scanned, refs map[string]wanted) {
	t.Helper()
	s, err := share.OpenDir(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCatalog(s, Options{})
	defer c.Close()
	c.snapshot = resolved(backups...)
	slices.SortFunc(c.snapshot.backups, byVolumeAndTime)
	for ref, want := range refs {
		f, err := c.Lookup(ref)
		notes := strings.Join(f.Notes, "; ")
		switch {
		case want.is != nil:
			if !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) ||
				len(err.Error()) > 1500 {
				t.Errorf("%q: %v, want %q", ref, err, want.says)
			}
		case err != nil:
			t.Errorf("%q: %v", ref, err)
		case f.Backup.ID != want.id:
			t.Errorf("%q: %s, want %s", ref, f.Backup.ID, want.id)
		case !strings.Contains(notes, want.notes) || want.notes == "" && notes != "":
			t.Errorf("%q: notes %q, want %q", ref, notes, want.notes)
		}
	}
}

func TestABackupIsFoundByItsIdOrThatOfItsVolume(t *testing.T) {
	backups := []*Scanned{
		own("aaaa1111", "", ofVolume("eeee0001"), at("2026-01-01T10:00:00Z")),
		own("aaaa2222", "", ofVolume("eeee0001"), at("2026-01-02T10:00:00.5Z")),
		own("bbbb3333", "", ofVolume("eeee0001"), at("2026-01-03T10:00:00Z", lacking)),
		own("cccc4444", "", ofVolume("eeee0002"), at("2026-01-01T10:00:00Z", incomplete)),
		own("dddd5555", "", ofVolume("ffff0003"), at("2026-01-05T10:00:00Z")),
	}
	for i := range 50 {
		backups = append(backups, own(fmt.Sprintf("9999%04d", i), "", ofVolume(fmt.Sprintf("8888%04d", i))))
	}
	findAll(t, backups, map[string]wanted{
		"aaaa1111":                           {id: "aaaa1111"},
		"AAAA1":                              {id: "aaaa1111"},
		" bbbb3333\n":                        {id: "bbbb3333"},
		"dddd":                               {id: "dddd5555"},
		"aaaa":                               {is: ErrAmbiguous, says: "2 backups; give more characters of the id:\n  aaaa2222  2026-01-02 10:00:00 UTC  complete  of volume eeee0001"},
		"9999":                               {is: ErrAmbiguous, says: "and 40 more"},
		"aaa":                                {is: ErrNoBackup, says: "too short"},
		"":                                   {is: ErrNoBackup, says: "names nothing"},
		"aaaa11112":                          {is: ErrNoBackup, says: "list --all"},
		"ffff":                               {id: "dddd5555"},
		"ffff0003":                           {id: "dddd5555"},
		"eeee0001":                           {is: ErrAmbiguous, says: "\"eeee0001\" could be 3 backups; the newest complete one is \"eeee0001@latest\""},
		"ffff@latest":                        {id: "dddd5555"},
		"EEEE0001@latest":                    {id: "aaaa2222"},
		"eeee@latest":                        {is: ErrAmbiguous, says: "2 volumes; give more characters of the id:\n  eeee0001 \"\"  newest backup 2026-01-03"},
		"8888@latest":                        {is: ErrAmbiguous, says: "and 40 more"},
		"eeee0001@2026-01-01T10:00:00Z":      {id: "aaaa1111"},
		"eeee0001@2026-01-02T10:00:00Z":      {id: "aaaa2222"},
		"eeee0001@2026-01-02T10:00:00.4Z":    {id: "aaaa1111"},
		"eeee0001@2026-01-02T11:01+01:00":    {id: "aaaa2222"},
		"eeee0001@2026-01-02T11:00+01:00":    {id: "aaaa1111"},
		"eeee0001@2026-01-02T11:30:00+01:00": {id: "aaaa2222"},
		"eeee0001@2026-01-01":                {id: "aaaa1111"},
		"eeee0001@2026-01-01 09:59":          {is: ErrNoBackup, says: "no backup at or before"},
		"eeee0001@2026-01-01 10:00":          {id: "aaaa1111"},
		"eeee0001@":                          {is: ErrNoBackup, says: "neither"},
		"eeee0001@yesterday":                 {id: "aaaa2222", notes: "\"yesterday\" is 20"},
		"eeee0002@latest":                    {is: ErrNoBackup, says: "no complete backup; cccc4444 is incomplete: unfinished"},
		"eee@latest":                         {is: ErrNoBackup, says: "too short"},
		"0000@latest":                        {is: ErrNoBackup, says: "list --all"},
		"dddd5555@latest":                    {is: ErrNoBackup, says: "dddd5555 is a backup by itself; its volume is ffff0003"},
	})
}

func TestNamesAreTakenWhereverIdsAre(t *testing.T) {
	findAll(t, []*Scanned{
		own("bbbb3333", "", ofVolume("eeee0001"), at("2026-01-03T10:00:00Z")),
		own("cccc4444", "", ofVolume("eeee0001"), at("2026-01-04T10:00:00Z")),
		own("dddd5555", "", ofVolume("ffff0003"), at("2026-01-05T10:00:00Z")),
		own("77770001", "", ofVolume("66660001"), at("2026-02-01T10:00:00Z"), called("first", "old name")),
		own("77770002", "", ofVolume("66660001"), at("2026-02-02T10:00:00Z"), called("", "db data")),
		own("77770003", "", ofVolume("66660001"), at("2026-02-03T10:00:00Z", lacking), called("nightly", "db data")),
		own("77770004", "", ofVolume("66660002"), at("2026-02-04T10:00:00Z"), called("nightly", "web")),
		own("77770005", "", ofVolume("66660002"), at("2026-02-05T10:00:00Z"), called("weekly", "web")),
		own("77770006", "", ofVolume("66660002"), at("2026-02-06T10:00:00Z"), called("weekly", "web")),
		own("77770007", "", ofVolume("66660003"), at("2026-02-07T10:00:00Z"), called("", "twin")),
		own("77770008", "", ofVolume("66660004"), at("2026-02-08T10:00:00Z"), called("", "twin")),
		own("77770009", "", ofVolume("66660005"), at("2026-02-09T10:00:00Z"), called("", "alone")),
		own("7777000a", "", ofVolume("66660006"), at("2026-02-10T10:00:00Z"), called("", "bbbb")),
		own("7777000b", "", ofVolume("66660007"), at("2026-02-11T10:00:00Z"), called("", "cccc4444")),
		own("7777000c", "", ofVolume("66660008"), at("2026-02-12T10:00:00Z"), called("", "a@b")),
		own("7777000d", "", ofVolume("66660009"), at("2026-02-13T10:00:00Z"), called("", "x@2026-11-22")),
		own("7777000e", "", ofVolume("6666000a"), at("2026-02-14T10:00:00Z"), called("", "a:1/2")),
		own("7777000f", "", ofVolume("6666000b"), at("2026-02-15T10:00:00Z"), called("", "now web")),
		own("77770010", "", ofVolume("6666000b"), at("2026-02-16T10:00:00Z"), called("", "x\x1b[31m\ny")),
	}, map[string]wanted{
		"db data@latest":           {id: "77770002"},
		"db data@2026-02-01 10:30": {id: "77770001"},
		"old name@latest":          {id: "77770002", notes: "a former name of volume 66660001, which is now called \"db data\""},
		"old name@2026-02-01":      {id: "77770001", notes: "a former name"},
		"db data":                  {is: ErrAmbiguous, says: "\"db data@latest\""},
		"first":                    {id: "77770001"},
		"nightly":                  {is: ErrAmbiguous, says: "say which by its id:\n  77770004"},
		"nightly@latest":           {is: ErrAmbiguous, says: "2 volumes"},
		"weekly@latest":            {id: "77770006"},
		"weekly":                   {is: ErrAmbiguous, says: "2 backups"},
		"twin@latest":              {is: ErrAmbiguous, says: "66660003 \"twin\"  newest"},
		"alone":                    {id: "77770009"},
		" alone@latest ":           {id: "77770009"},
		"name=alone":               {id: "77770009"},
		"id=alone":                 {is: ErrNoBackup, says: "no id on the share"},
		"name=dddd5555":            {is: ErrNoBackup, says: "no volume or backup on the share"},
		"id=dddd":                  {id: "dddd5555"},
		"dbdata@latest":            {is: ErrNoBackup, says: "did you mean \"db data\"?"},
		"DB-Data@latest":           {is: ErrNoBackup, says: "did you mean \"db data\"?"},
		"bbbb":                     {is: ErrAmbiguous, says: "say name=... or id=...:\n  7777000a"},
		"name=bbbb":                {id: "7777000a"},
		"bbbb@latest":              {id: "7777000a", notes: "also the start of the id of backup bbbb3333"},
		"id=bbbb":                  {id: "bbbb3333"},
		"cccc4444":                 {id: "cccc4444", notes: "the id of a backup, and a name as well: the id counts"},
		"cccc4444@latest":          {id: "7777000b", notes: "the start of the id of backup cccc4444"},
		"name=cccc4444":            {id: "7777000b"},
		"a@b@latest":               {id: "7777000c"},
		"a@b":                      {id: "7777000c"},
		"alone@2026-11-22":         {id: "77770009"}, // and no backup called so
		"x@2026-11-22":             {id: "7777000d"}, // the volume's name
		"x@2026-11-22@latest":      {id: "7777000d"},
		"a:1/2":                    {id: "7777000e"},
		"alone@noon":               {is: ErrNoBackup, says: "behind the @ is neither"},
		"@latest":                  {is: ErrNoBackup, says: "names nothing"},
		"name=":                    {is: ErrNoBackup, says: "names nothing"},
		"now web@latest":           {id: "77770010", notes: "a former name of volume 6666000b, which is now called \"x\ufffd[31m\ufffdy\""},
	})
}

func TestAVolumeIsFoundByItsIdOrName(t *testing.T) {
	backups := resolved(
		own("aaaa1111", "", ofVolume("eeee0001"), at("2026-01-01T10:00:00Z"), called("first", "web")),
		own("aaaa2222", "", ofVolume("eeee0001"), at("2026-01-02T10:00:00Z"), called("", "db@latest")),
		own("aaaa3333", "", ofVolume("eeee0002"), at("2026-01-03T10:00:00Z"), called("", "web")),
		own("aaaa4444", "", ofVolume("ffff0003"), at("2026-01-04T10:00:00Z"), called("", "twin")),
		own("aaaa5555", "", ofVolume("ffff0004"), at("2026-01-05T10:00:00Z"), called("", "twin")),
		own("aaaa6666", "", ofVolume("ffff0005"), at("2026-01-06T10:00:00Z"), called("", "eeee000")),
	).backups
	for ref, want := range map[string]wanted{
		"eeee0001":       {id: "eeee0001"},
		"EEEE0001":       {id: "eeee0001"},
		"ffff0004":       {id: "ffff0004"},
		"web":            {id: "eeee0002", notes: "volume eeee0001 was called \"web\" before, too"},
		"db@latest":      {id: "eeee0001"},
		"name=db@latest": {id: "eeee0001"},
		"id=eeee0002":    {id: "eeee0002"},
		"twin":           {is: ErrAmbiguous, says: "ffff0003 \"twin\""},
		"eeee":           {is: ErrAmbiguous, says: "2 volumes; give more characters"},
		"eeee000":        {is: ErrAmbiguous, says: "say name=... or id=...:\n  ffff0005"},
		"name=eeee000":   {id: "ffff0005"},
		"first":          {is: ErrNoBackup, says: "backups are called so, such as aaaa1111 of volume eeee0001"},
		"aaaa1111":       {is: ErrNoBackup, says: "aaaa1111 is a backup, its volume is eeee0001"},
		" ":              {is: ErrNoBackup, says: "names no volume"},
		"id=":            {is: ErrNoBackup, says: "names no volume"},
	} {
		r, err := ParseVolumeRef(ref)
		var f FoundVolume
		if err == nil {
			f, err = SelectVolume(backups, r)
		}
		switch {
		case want.is != nil:
			if !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) {
				t.Errorf("%q: %v, want %q", ref, err, want.says)
			}
		case err != nil || f.ID != want.id || !strings.Contains(strings.Join(f.Notes, "; "), want.notes):
			t.Errorf("%q: %v, %v", ref, f, err)
		}
	}
}
