package fusefs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/fusefs/parttable"
)

// digestsOf are those of a disk: the label of each block, "" where there is no row.
type digestsOf struct {
	align  int
	labels []string
	failed error
}

func (b digestsOf) Align() int { return b.align }

func (b digestsOf) Digest(_ context.Context, off int64) (digest [sha256.Size]byte, ok bool, err error) {
	i := int(off) / b.align
	if b.failed != nil || i >= len(b.labels) || b.labels[i] == "" {
		return digest, false, b.failed
	}
	return sha256.Sum256([]byte(b.labels[i])), true, nil
}

func tableOf(n int) parttable.Table {
	return parttable.Table{Partitions: make([]parttable.Partition, n)}
}

func TestATableIsKnownForABackupOfTheSameBytesOnly(t *testing.T) {
	var s tables
	k := tableKey{id: "a", size: 1 << 30, created: 5}
	if _, ok := s.get(k); ok {
		t.Error("a table is known of which nothing was told")
	}
	s.put(k, diskTable{Table: tableOf(3)})
	if table, ok := s.get(k); !ok || len(table.Partitions) != 3 {
		t.Errorf("%v %v", table, ok)
	}
	for _, other := range []tableKey{{"b", 1 << 30, 5}, {"a", 1 << 31, 5}, {"a", 1 << 30, 6}} {
		if _, ok := s.get(other); ok {
			t.Errorf("%+v has the table of %+v", other, k)
		}
	}
	s.put(tableKey{id: "blank"}, diskTable{Table: parttable.Table{}})
	if table, ok := s.get(tableKey{id: "blank"}); !ok || len(table.Partitions) != 0 {
		t.Error("that a disk has no table is not known")
	}
}

func TestADiskWithTheSameBlocksWhereTheTableWasReadHasThatTable(t *testing.T) {
	const align = 1000
	b := &Backup{ID: "a", VolumeID: "v", Size: 6000}
	labels := []string{"mbr", "x", "y", "z", "", "end"}
	with := func(at int, label string) digestsOf {
		other := append([]string{}, labels...)
		other[at] = label
		return digestsOf{align: align, labels: other}
	}
	var s tables
	s.put(tableKey{id: b.ID}, diskTable{Table: tableOf(2)})
	// The first block, and a range that reaches into two.
	read := []byteRange{{0, 512}, {0, 34}, {2990, 3010}}
	s.witness(t.Context(), b, digestsOf{align: align, labels: labels}, read, tableOf(2))
	for name, test := range map[string]struct {
		b     Backup
		d     digestsOf
		known bool
	}{
		"another backup of the volume":         {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(1, "x"), true},
		"another block that was not read":      {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(1, "other"), true},
		"no row of a block that was not read":  {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(1, ""), true},
		"another first block":                  {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(0, "other"), false},
		"another block of the range, at start": {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(2, "other"), false},
		"another block of the range, at end":   {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(3, "other"), false},
		"no row of a block that was read":      {Backup{ID: "b", VolumeID: "v", Size: 6000}, with(3, ""), false},
		"digests that cannot be read":          {Backup{ID: "b", VolumeID: "v", Size: 6000}, digestsOf{align, labels, errors.New("away")}, false},
		"another volume":                       {Backup{ID: "b", VolumeID: "w", Size: 6000}, with(1, "x"), false},
		"another size, so the end is elsewhere": {Backup{ID: "b", VolumeID: "v", Size: 7000},
			with(1, "x"), false},
		"digests of other blocks": {Backup{ID: "b", VolumeID: "v", Size: 6000}, digestsOf{align: 500, labels: labels}, false},
	} {
		table, ok := s.alike(t.Context(), &test.b, test.d)
		if ok != test.known || ok && len(table.Partitions) != 2 {
			t.Errorf("%s: %v %v", name, table, ok)
		}
	}
}

func TestATableIsNoWitnessWhereABlockOfItHasNoDigest(t *testing.T) {
	b := &Backup{ID: "a", VolumeID: "v", Size: 1 << 20}
	many := make([]string, maxWitnessBlocks+2)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, test := range map[string]struct {
		d    digestsOf
		read byteRange
	}{
		"no row":           {digestsOf{align: 1000, labels: []string{"a", ""}}, byteRange{0, 1001}},
		"not read":         {digestsOf{align: 1000, labels: many, failed: errors.New("away")}, byteRange{0, 1}},
		"far too many":     {digestsOf{align: 1000, labels: many}, byteRange{0, int64(len(many)) * 1000}},
		"as many as there": {digestsOf{align: 1000, labels: many}, byteRange{0, maxWitnessBlocks * 1000}},
	} {
		var s tables
		s.put(tableKey{id: b.ID}, diskTable{Table: tableOf(1)})
		s.witness(t.Context(), b, test.d, []byteRange{test.read}, tableOf(1))
		test.d.failed = nil
		if _, ok := s.alike(t.Context(), b, test.d); ok != (name == "as many as there") {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

// A volume that is repartitioned again and again, and disks without end.
func TestTablesThatAreRememberedAreBounded(t *testing.T) {
	b := &Backup{ID: "a", VolumeID: "v", Size: 1000}
	of := func(n int) digestsOf { return digestsOf{align: 1000, labels: []string{fmt.Sprint(n)}} }
	var s tables
	s.put(tableKey{}, diskTable{Table: tableOf(0)})
	for n := range maxWitnesses + 2 {
		s.witness(t.Context(), b, of(n), []byteRange{{0, 1}}, tableOf(n))
	}
	for n := range maxWitnesses + 2 {
		if table, ok := s.alike(t.Context(), b, of(n)); ok != (n >= 2) || ok && len(table.Partitions) != n {
			t.Errorf("table %d: %v %v", n, table, ok)
		}
	}
	large := parttable.Table{Problems: []string{strings.Repeat("x", 64<<10)}}
	for n := range 2 * maxTablesBytes / (64 << 10) {
		k := tableKey{created: int64(n)}
		s.put(k, diskTable{Table: large})
		if _, ok := s.get(k); !ok {
			t.Fatalf("table %d is not there", n)
		}
		if s.bytes > maxTablesBytes+128<<10 || len(s.known) > maxTablesBytes/(64<<10)+1 {
			t.Fatalf("%d bytes of %d tables", s.bytes, len(s.known))
		}
	}
	if _, ok := s.alike(t.Context(), b, of(maxWitnesses)); ok {
		t.Error("a witness outlived the tables")
	}
	before := s.bytes
	s.put(tableKey{created: 1 << 40}, diskTable{Table: tableOf(1)})
	s.put(tableKey{created: 1 << 40}, diskTable{Table: tableOf(1)})
	if s.bytes != before+256+24 {
		t.Errorf("a table that is told twice counts %d bytes", s.bytes-before)
	}
}

func TestTablesAreTakenAndToldByManyAtOnce(t *testing.T) {
	var s tables
	s.put(tableKey{}, diskTable{Table: tableOf(0)})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			b := &Backup{ID: fmt.Sprint(n), VolumeID: "v", Size: 1000}
			d := digestsOf{align: 1000, labels: []string{fmt.Sprint(n % 3)}}
			for range 200 {
				s.witness(t.Context(), b, d, []byteRange{{0, 512}}, tableOf(n%3))
				if table, ok := s.alike(t.Context(), b, d); ok && len(table.Partitions) != n%3 {
					t.Errorf("disk %d has %d partitions", n, len(table.Partitions))
				}
				s.put(tableKey{id: b.ID}, diskTable{Table: tableOf(n % 3)})
				if table, ok := s.get(tableKey{id: b.ID}); !ok || len(table.Partitions) != n%3 {
					t.Errorf("disk %d: %v", n, ok)
				}
			}
		})
	}
	all.Wait()
}
