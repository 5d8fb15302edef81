package backupstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

func TestFind(t *testing.T) {
	s, err := share.OpenDir(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCatalog(s, Options{})
	defer c.Close()
	at := func(when string, change ...func(*Scanned)) func(*Scanned) {
		return func(b *Scanned) {
			b.CreatedAt, _ = time.Parse(time.RFC3339, when)
			for _, f := range change {
				f(b)
			}
		}
	}
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
	c.snapshot = resolved(backups...)
	slices.SortFunc(c.snapshot.backups, byVolumeAndTime)
	for ref, want := range map[string]struct {
		id   string
		is   error
		says string
	}{
		"aaaa1111":                           {id: "aaaa1111"},
		"AAAA1":                              {id: "aaaa1111"},
		" bbbb3333\n":                        {id: "bbbb3333"},
		"dddd":                               {id: "dddd5555"},
		"aaaa":                               {is: ErrAmbiguous, says: "aaaa1111, aaaa2222; give more"},
		"9999":                               {is: ErrAmbiguous, says: "and 45 more"},
		"aaa":                                {is: ErrNoBackup, says: "too short"},
		"":                                   {is: ErrNoBackup, says: "too short"},
		"aaaa11112":                          {is: ErrNoBackup, says: "list --all"},
		"ffff":                               {is: ErrNoBackup, says: "ffff@latest"},
		"ffff@latest":                        {id: "dddd5555"},
		"EEEE0001@latest":                    {id: "aaaa2222"},
		"eeee@latest":                        {is: ErrAmbiguous, says: "eeee0001, eeee0002"},
		"8888@latest":                        {is: ErrAmbiguous, says: "and 45 more"},
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
		"eeee0001@yesterday":                 {is: ErrNoBackup, says: "neither"},
		"eeee0002@latest":                    {is: ErrNoBackup, says: "no complete backup; cccc4444 is incomplete: unfinished"},
		"eee@latest":                         {is: ErrNoBackup, says: "too short"},
		"0000@latest":                        {is: ErrNoBackup, says: "list --all"},
		"dddd5555@latest":                    {is: ErrNoBackup, says: "list --all"},
	} {
		b, err := c.Find(ref)
		switch {
		case want.is != nil:
			if !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) || len(err.Error()) > 400 {
				t.Errorf("%q: %v, want %q", ref, err, want.says)
			}
		case err != nil:
			t.Errorf("%q: %v", ref, err)
		case b.ID != want.id:
			t.Errorf("%q: %s, want %s", ref, b.ID, want.id)
		}
	}
}

func TestATimeNamesNoLaterMoment(t *testing.T) {
	for s, want := range map[string]string{
		"2026-11-22":                     "2026-11-22T23:59:59.999999999Z",
		"2026-11-22 UTC":                 "2026-11-22T23:59:59.999999999Z",
		"2026-11-22+01:00":               "2026-11-22T22:59:59.999999999Z",
		"2026-11-22 19:01":               "2026-11-22T19:01:00Z",
		"2026-11-22T19:01":               "2026-11-22T19:01:00Z",
		"2026-11-22 19:01 UTC":           "2026-11-22T19:01:00Z",
		"2026-11-22 19:01:25":            "2026-11-22T19:01:25.999999999Z",
		"2026-11-22 19:01:25 UTC":        "2026-11-22T19:01:25.999999999Z",
		"2026-11-22T19:01:25Z":           "2026-11-22T19:01:25.999999999Z",
		"2026-11-22T19:01:25.25Z":        "2026-11-22T19:01:25.25Z",
		"2026-11-22T20:01:25+0100":       "2026-11-22T19:01:25.999999999Z",
		"2026-11-22T20:01:25+01:00":      "2026-11-22T19:01:25.999999999Z",
		"2026-11-22 20:01:25 +0100":      "2026-11-22T19:01:25.999999999Z",
		"2026-11-22 20:01:25 +01":        "2026-11-22T19:01:25.999999999Z",
		"2026-11-22 14:01-05":            "2026-11-22T19:01:00Z",
		"2026-11-22T19:01:25.75 +00:00 ": "2026-11-22T19:01:25.75Z",
		"2026-11-22 19":                  "",
		"2026-11-31":                     "",
		"2026-11-22 19:01 CET":           "",
		"22.11.2026":                     "",
		"yesterday":                      "",
		"":                               "",
		"UTC":                            "",
	} {
		got, err := parseWhen(s)
		if want == "" {
			if !errors.Is(err, ErrNoBackup) || !strings.Contains(err.Error(), "2026-11-22 18:46") || !strings.Contains(err.Error(), "+0100") {
				t.Errorf("%q: %v, %v", s, got, err)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %s, %v, not %s", s, got.UTC().Format(time.RFC3339Nano), err, want)
		}
	}
}
