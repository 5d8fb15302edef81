package lvm

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheStateOfAGroupIsThatOfThisDisk(t *testing.T) {
	of := func(name, text string, beside bool) Source {
		disk := made(text, 4096)
		return Source{Name: name, R: bytes.NewReader(disk), Size: int64(len(disk)), Beside: beside}
	}
	// The other disk was backed up when the volume was called otherwise.
	later := strings.NewReplacer("seqno = 7", "seqno = 9", "root {", "renamed {").Replace(sampleText)
	other := func(text string) Source { // another physical volume of the group
		s := of("other", text, true)
		disk := make([]byte, s.Size)
		s.R.ReadAt(disk, 0)
		label := disk[sectorBytes:][:sectorBytes]
		copy(label[32:], strings.Repeat("f", 32))
		le.PutUint32(label[16:], checksum(label[20:]))
		s.R = bytes.NewReader(disk)
		return s
	}
	for name, c := range map[string]struct {
		sources []Source
		want    string // the name of the volume
		noted   string
	}{
		"the other one is newer": {[]Source{of("p1", sampleText, false), other(later)}, "root",
			"is of another state on other (seqno 9, here 7)"},
		"it comes first": {[]Source{other(later), of("p1", sampleText, false)}, "root",
			"seqno 9, here 7"},
		"it is older": {[]Source{of("p1", later, false), other(sampleText)}, "renamed",
			"seqno 7, here 9"},
		"both are the same": {[]Source{of("p1", sampleText, false), other(sampleText)}, "root", ""},
		"it is a copy of this disk": {[]Source{of("p1", sampleText, false),
			of("copy", later, true)}, "root", "p1 and copy have the same id"},
	} {
		volumes, problems, notes := Look(c.sources)
		if len(volumes) != 1 || volumes[0].Name != c.want || volumes[0].Problem != "" ||
			len(problems) > 0 {
			t.Errorf("%s: %+v, %q", name, volumes, problems)
			continue
		}
		if all := strings.Join(notes, "\n"); !strings.Contains(all, c.noted) ||
			(c.noted == "") != (all == "") {
			t.Errorf("%s: noted %q", name, all)
		}
		if _, err := volumes[0].ReadAt(make([]byte, 4096), 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := []Source{of("p1", sampleText, false), of("p2", sampleText, false)}
	if volumes, problems, _ := Look(twice); len(volumes) != 1 || volumes[0].Problem == "" ||
		len(problems) != 1 {
		t.Errorf("two of one id on this disk: %+v, %q", volumes, problems)
	}
}
