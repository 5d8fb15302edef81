package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/format"
)

var listedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// listed returns a backup of a volume of that name, so many days old.
func listed(id, parent, volume, name string, days int) *backupstore.Backup {
	b := &backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{
		ID: id, ParentID: parent, VolumeID: volume, StoredBytes: 1 << 20, Objects: 1,
		CreatedAt: listedAt.AddDate(0, 0, -days), VolumeMeta: &format.VolumeSummary{},
	}}}
	b.State, b.Size = backupstore.Complete, 1<<30
	b.VolumeMeta.Base.Name = &name
	return b
}

func TestTheTableHasTitlesAgesAndASum(t *testing.T) {
	bad := listed("aaaa2222", "aaaa1111", "v1", "db", 2)
	bad.State, bad.Problems = backupstore.Broken, []string{"object 1 is missing\x1b[31m"}
	name := "before the upgrade"
	bad.Name = &name
	l := Listing{Backups: []*backupstore.Backup{
		listed("aaaa1111", "", "v1", "old", 400), bad, listed("bbbb1111", "", "v2", "web", 0),
	}, Now: listedAt}
	l.Names = VolumeNames(l.Backups)
	const want = `  BACKUP    MADE (UTC)                          KIND         SIZE   STORED  STATE     NAME
volume v1 "db", before: "old"
  aaaa1111  2025-10-25 12:00:00  13 months ago  full         1 GiB  1 MiB   complete
  aaaa2222  2026-11-27 12:00:00  2 days ago     on aaaa1111  1 GiB  1 MiB   broken    before the upgrade
      object 1 is missing�[31m
volume v2 "web"
  bbbb1111  2026-11-29 12:00:00  now            full         1 GiB  1 MiB   complete
3 backups of 2 volumes, 3 MiB stored; 1 broken
`
	var out bytes.Buffer
	l.Print(&out)
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	l.Colour = true
	l.Print(&out)
	if got := out.String(); !strings.Contains(got, "\x1b[31mbroken\x1b[0m    before") ||
		strings.Count(got, "\x1b") != 2 {
		t.Errorf("%q", got)
	}
	out.Reset()
	Listing{}.Print(&out)
	if out.String() != "" {
		t.Errorf("of nothing: %q", out.String())
	}
}

func TestNoSpreadsheetTakesANameForAFormula(t *testing.T) {
	b := listed("aaaa1111", "", "v1", "=cmd|' /C calc'!A0", 1)
	name := "a,\"b\"\n\x1b"
	b.Name = &name
	var out bytes.Buffer
	if err := WriteCSV(&out, []*backupstore.Backup{b}, nil); err != nil {
		t.Fatal(err)
	}
	const want = `id,volume_id,volume_name,name,description,created_at,parent_id,incremental,state,size,` +
		`stored_bytes,objects,compression,container,problems,proven_ok,proven_all_at,proven_part_at,project_id
aaaa1111,v1,'=cmd|' /C calc'!A0,"a,""b""��",,2026-11-28T12:00:00Z,,false,complete,1073741824,1048576,1,,.,,,,,
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}
