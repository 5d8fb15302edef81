package sharepage

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/cmd/proven"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// made returns a complete backup, so many hours old.
func made(volume, id, parent string, hours int) *backupstore.Backup {
	b := &backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{
		ID: storetest.ID(id), VolumeID: volume, StoredBytes: 1 << 20, CreatedAt: now.Add(-time.Duration(hours) * time.Hour),
		VolumeMeta: &format.VolumeSummary{},
	}}}
	if parent != "" {
		b.ParentID = storetest.ID(parent)
	}
	b.State, b.Size = backupstore.Complete, 1<<30
	return b
}

func write(t *testing.T, in Input) string {
	t.Helper()
	var out bytes.Buffer
	in.Now = now
	if err := Write(&out, in); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// read parses a page, which is written as XML can be, and returns the names of its elements, its
// attributes and its text.
func read(t *testing.T, page string) (elements, attributes []string, text string) {
	t.Helper()
	var all strings.Builder
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return elements, attributes, all.String()
		}
		if err != nil {
			t.Fatalf("the page is not well made: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			elements = append(elements, x.Name.Local)
			for _, a := range x.Attr {
				attributes = append(attributes, a.Name.Local)
			}
		case xml.CharData:
			all.Write(x)
		}
	}
}

func TestNamesOfOthersStayText(t *testing.T) {
	const hostile = `</title></svg></style><script>alert(1)</script><img src=x onerror=alert(2)> {{.}} "'&` + "\x1b[2J\u202e"
	b := made("v</details>"+hostile, "a", "", 5)
	name := hostile
	b.Name, b.VolumeMeta.Base.Name = &name, &name
	b.State, b.Problems = backupstore.Broken, []string{hostile, hostile, hostile, hostile}
	b.ParentID = `"><script>`
	page := write(t, Input{Share: hostile, Version: "1", Backups: []*backupstore.Backup{b}, Unread: []error{errors.New(hostile)}})
	elements, attributes, text := read(t, page)
	for _, bad := range []string{"script", "img", "a", "link", "iframe"} {
		if slices.Contains(elements, bad) {
			t.Errorf("there is an element %s", bad)
		}
	}
	for _, name := range attributes {
		if strings.HasPrefix(name, "on") || name == "href" || name == "src" {
			t.Errorf("there is an attribute %s", name)
		}
	}
	if strings.ContainsAny(page, "\x1b\u202e") || strings.Count(text, "<script>alert(1)</script>") < 5 || !strings.Contains(text, "and 1 more") {
		t.Errorf("%s", text)
	}
	if !strings.Contains(page, "default-src 'none'") || strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), "://") {
		t.Error("it could ask somebody else for something")
	}
}

func TestManyBackupsMakeAPageThatTellsWhatItLeavesOut(t *testing.T) {
	var all []*backupstore.Backup
	for v := range 300 {
		for i := range 40 {
			parent := ""
			if i > 0 {
				parent = fmt.Sprint(v, " ", i-1)
			}
			all = append(all, made(storetest.ID(fmt.Sprint("v", v)), fmt.Sprint(v, " ", i), parent, 100-i))
		}
	}
	page := write(t, Input{Backups: all})
	_, _, text := read(t, page)
	left := 300 * (40 - maxBackups/300)
	if len(page) > 6<<20 || !strings.Contains(text, fmt.Sprint(left, " older backups are not on this page")) || !strings.Contains(text, "12000backups") {
		t.Errorf("%d bytes", len(page))
	}
	if strings.Contains(page, all[0].ID) || !strings.Contains(page, all[39].ID) {
		t.Error("it has not the newest")
	}
	if text := write(t, Input{Backups: all[:2000]}); strings.Contains(text, "not on this page") || strings.Count(text, "<tr><td") != 2000 {
		t.Errorf("of 2,000 it does not have all: %d", strings.Count(text, "<tr><td"))
	}
	read(t, write(t, Input{}))
}

func TestChainsAreDrawnInLanes(t *testing.T) {
	for what, test := range map[string]struct {
		backups [][2]string // id, parent
		want    []int
	}{
		"one chain goes straight":           {[][2]string{{"a", ""}, {"b", "a"}, {"c", "b"}}, []int{0, 0, 0}},
		"a second one follows the first":    {[][2]string{{"a", ""}, {"b", "a"}, {"c", ""}, {"d", "c"}}, []int{0, 0, 0, 0}},
		"chains beside each other":          {[][2]string{{"a", ""}, {"b", ""}, {"c", "a"}, {"d", "b"}}, []int{0, 1, 0, 1}},
		"two on one parent":                 {[][2]string{{"a", ""}, {"b", "a"}, {"c", "a"}, {"d", "b"}}, []int{0, 0, 1, 0}},
		"a parent that is not there":        {[][2]string{{"b", "gone"}, {"c", "b"}}, []int{0, 0}},
		"a backup that is its own ancestor": {[][2]string{{"a", "b"}, {"b", "a"}}, []int{0, 0}},
		"two of one id":                     {[][2]string{{"a", ""}, {"a", ""}, {"b", "a"}}, []int{0, 0, 0}},
		"what was free is used again":       {[][2]string{{"a", ""}, {"b", ""}, {"c", "a"}, {"d", ""}, {"e", "c"}}, []int{0, 1, 0, 1, 0}},
	} {
		var all []*backupstore.Backup
		for i, b := range test.backups {
			all = append(all, made("v", b[0], b[1], 100-i))
		}
		if got := lanesOf(all); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, not %v", what, got, test.want)
		}
		g := Input{Now: now}.graph(all)
		if len(g.Dots) != len(all) || g.Width > graphWidth {
			t.Errorf("%s: %+v", what, g)
		}
	}
	var many []*backupstore.Backup
	for i := range 100 * maxLanes {
		many = append(many, made("v", fmt.Sprint(i), "gone", 100))
	}
	if g := (Input{Now: now}).graph(many); len(g.Dots) != maxDots || g.Height > 2*edge+maxLanes*laneHeight || g.Width > graphWidth {
		t.Errorf("%d dots, %d x %d", len(g.Dots), g.Width, g.Height)
	}
}

func TestWhatVerifyFoundIsOnThePage(t *testing.T) {
	book, err := proven.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	all := []*backupstore.Backup{made("v", "right", "", 9), made("v", "part", "", 8), made("v", "healed", "", 7), made("v", "lost", "", 6), made("v", "new", "", 5)}
	report := func(i int, ok bool, sibling string) backupstore.Report {
		r := backupstore.Report{Backup: all[i], OK: ok, Blocks: 5, SampledOf: 10}
		if !ok {
			r.Damaged = []backupstore.Damage{{Length: 32 << 10, Sibling: sibling}}
		}
		return r
	}
	book.Add(report(0, true, ""), 0, now.Add(-time.Hour))
	book.Add(report(1, true, ""), 0.5, now)
	book.Add(report(2, false, "right"), 0, now)
	book.Add(report(3, false, ""), 0, now)
	in := Input{Now: now, Backups: all, Proven: book}
	for i, want := range []string{"good", "part", "healed", "lost", "plain"} {
		if got := in.sign(all[i]); got.Class != want {
			t.Errorf("%s is %s", want, got.Class)
		}
	}
	_, _, text := read(t, write(t, in))
	for _, want := range []string{"32 KiB damaged", "restorefs map " + all[3].ID[:8], "60 min ago", "50 %, now", "DAMAGED, now", "2damaged", "1proven within 30 days"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Index(text, "restorefs map "+all[3].ID[:8]) > strings.Index(text, "restorefs map "+all[2].ID[:8]) {
		t.Error("the worst does not come first")
	}
}

func TestOnlyWhatIsRightIsCountedAsProvenOfLate(t *testing.T) {
	book, err := proven.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var all []*backupstore.Backup
	for i, age := range []time.Duration{time.Hour, time.Hour, fresh, -time.Hour} {
		b := made("v", fmt.Sprint(i), "", 5)
		book.Add(backupstore.Report{Backup: b, OK: true}, 0, now.Add(-age))
		all = append(all, b)
	}
	book.Add(backupstore.Report{Backup: all[0], Damaged: []backupstore.Damage{{Length: 512}}}, 0.05, now)
	in := Input{Now: now, Backups: all, Proven: book}
	if late := in.totals(1, 0)[7].Figure; late != "1" {
		t.Errorf("of one that is damaged, one that is right, an old one and one of a wrong clock: %s", late)
	}
}
