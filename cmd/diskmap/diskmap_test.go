package diskmap

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/fusefs/parttable"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const mib = 1 << 20

// chain writes a full backup of 1 GiB, of which 24 MiB hold data and are on the share, and an
// increment that changes some of that, and returns the volume of the increment.
func chain(t *testing.T) (v *backupstore.Volume, was, is storetest.Content, changed []storetest.Extent) {
	t.Helper()
	dir := t.TempDir()
	was = storetest.Disk(24*mib, 1)
	changed = []storetest.Extent{{Offset: 3 * mib, Length: mib}, {Offset: 20 * mib, Length: 96 << 10}}
	is = storetest.Overlay(was, storetest.Random(24*mib, 2), changed...)
	full := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: was}
	storetest.MustWrite(t, dir, full)
	storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("increment"), VolumeID: full.VolumeID, ParentID: full.ID, Parent: was,
		Content: is, Created: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)})
	root, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(root, backupstore.Options{})
	t.Cleanup(func() { catalog.Close() })
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := catalog.Find(storetest.ID("increment"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err = catalog.Outline(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return v, was, is, changed
}

func TestEachBlockIsCountedForTheBackupThatItComesFrom(t *testing.T) {
	v, _, is, changed := chain(t)
	block := v.Align()
	want := [3]int64{2: v.Size() - is.Size()} // the increment, the full backup, zero
	p := make([]byte, block)
	for off := int64(0); off < is.Size(); off += int64(block) {
		if _, err := is.ReadAt(p, off); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		kind := 1
		for _, c := range changed {
			if off >= c.Offset && off < c.Offset+c.Length {
				kind = 0
			}
		}
		if len(bytes.Trim(p, "\x00")) == 0 {
			kind = 2
		}
		want[kind] += int64(block)
	}
	for _, cells := range []int{1, 7, 64, 1000, 1 << 30} {
		m, err := Look(t.Context(), v, cells)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]int64{m.Layers[0].Bytes, m.Layers[1].Bytes, m.Zero}; got != want || !m.Exact {
			t.Errorf("%d cells: %v, not %v", cells, got, want)
		}
		if len(m.Cells) > cells || len(m.Cells) > maxCells || m.CellBytes%int64(block) != 0 ||
			int64(len(m.Cells))*m.CellBytes < v.Size() || int64(len(m.Cells)-1)*m.CellBytes >= v.Size() {
			t.Errorf("%d cells of %d bytes", len(m.Cells), m.CellBytes)
		}
	}
	m, err := Look(t.Context(), v, 1024) // a MiB each
	if err != nil {
		t.Fatal(err)
	}
	if m.Cells[3].Layer != 0 || m.Cells[24].Layer != -1 || m.CellBytes != mib {
		t.Errorf("%d %+v", m.CellBytes, m.Cells[:25])
	}
}

// endless is a volume of any size that is data in its first half.
type endless struct {
	b       *backupstore.Backup
	size    int64
	looked  int
	failing bool
}

func (e *endless) Backup() *backupstore.Backup { return e.b }
func (e *endless) Size() int64                 { return e.size }
func (e *endless) Align() int                  { return 32 << 10 }
func (e *endless) Origins(_ context.Context, off, end int64) iter.Seq2[backupstore.Origin, error] {
	return func(yield func(backupstore.Origin, error) bool) {
		e.looked++
		if e.failing {
			yield(backupstore.Origin{}, errors.New("the share is gone"))
			return
		}
		o := backupstore.Origin{Zero: off >= e.size/2}
		o.Off, o.Len = off, end-off
		yield(o, nil)
	}
}

func named(name string) *backupstore.Backup {
	b := &backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{
		ID: storetest.ID("x"), VolumeMeta: &format.VolumeSummary{},
	}}}
	b.VolumeMeta.Base.Name = &name
	return b
}

func TestADiskOf64TiBIsLookedAtInParts(t *testing.T) {
	e := &endless{b: named("large"), size: 64 << 40}
	m := Map{Backup: e.b, Size: e.size, Cells: make([]Cell, 8192), CellBytes: e.size / 8192, Layers: []Layer{{Backup: e.b}}}
	c := counter{m: &m, at: map[*backupstore.Backup]int{}, bytes: map[int]int64{}}
	for i := range m.Cells {
		if err := c.cell(t.Context(), e, i, 32<<10); err != nil {
			t.Fatal(err)
		}
	}
	if e.looked > 2*probes || m.Zero != e.size/2 || m.Layers[0].Bytes != e.size/2 {
		t.Errorf("%d looks, %d of %d bytes are zero", e.looked, m.Zero, m.Size)
	}
	e.failing = true
	if _, err := Look(t.Context(), e, 10); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%v", err)
	}
}

func TestAPictureIsReadWhereverItIsDrawn(t *testing.T) {
	v, _, _, _ := chain(t)
	m, err := Look(t.Context(), v, TerminalCells(80, false))
	if err != nil {
		t.Fatal(err)
	}
	m.Damage(5*mib, 1, Healed)
	m.Damage(5*mib, 1, Lost)
	m.Damage(6*mib, 1, Healed)
	m.Damage(v.Size()-1, 1<<60, Healed)
	m.Damage(-5, 1<<60, Lost)
	m.Damage(v.Size(), 5, Lost)
	hostile := "</title><script>alert(1)</script>\x1b[2J\"&"
	m.Backup = named(hostile)
	n := Notes{Proven: []string{"proven: never"}, Parts: []contents.Part{
		{Partition: parttable.Partition{Number: 1, Start: mib, Size: 500 * mib}, Contents: contents.Contents{Kind: "ext4", Label: hostile}},
		{Partition: parttable.Partition{Number: 2, Start: 501 * mib, Size: 100 * mib}},
	}}
	var out bytes.Buffer
	if err := m.Print(&out, n, 80, false); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	lines := strings.Split(text, "\n")
	if !strings.Contains(lines[2], "!+") || !strings.Contains(lines[2], "<1") || !strings.ContainsAny(lines[2], "Aa") || strings.Contains(text, "\x1b") {
		t.Errorf("%s", text)
	}
	for _, line := range lines[2:18] {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("a line is longer than the terminal: %s", line)
		}
	}
	out.Reset()
	if err := m.Print(&out, n, 80, true); err != nil {
		t.Fatal(err)
	}
	if coloured := out.String(); !strings.Contains(coloured, "▀") || strings.Contains(coloured, "\x1b[2J") || strings.Count(coloured, "\x1b[0m") < 8 {
		t.Errorf("%q", coloured)
	}
	svg := m.SVG(n)
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v: %s", err, svg)
		}
		if s, ok := token.(xml.StartElement); ok && s.Name.Local == "script" {
			t.Error("a name became an element")
		}
	}
	for _, want := range []string{"partition 1, from 1 MiB to 501 MiB: ext4", "proven: never", "damaged, and lost"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("it does not say %q: %s", want, svg)
		}
	}
	data, err := m.PNG(n)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	cell := int(5 * mib / m.CellBytes)
	y := margin + 3*lineHeight + 2
	if r, g, b, _ := img.At(pastLabels+cell*cellSize+2, y).RGBA(); uint8(r>>8) != lostShown.rgb.R || uint8(g>>8) != lostShown.rgb.G || uint8(b>>8) != lostShown.rgb.B {
		t.Errorf("the lost cell has the colour %x %x %x", r, g, b)
	}
}

func TestALongChainHasAFewShades(t *testing.T) {
	for n := range 400 {
		last := 0
		for layer := range n {
			s := shadeOf(layer, n)
			if s < last || s >= shades {
				t.Fatalf("layer %d of %d has the shade %d", layer, n, s)
			}
			last = s
		}
		if n > shades && (shadeOf(0, n) != 0 || shadeOf(1, n) != 1 || shadeOf(n-1, n) != shades-1 || shadeOf(n-2, n) != shades-2) {
			t.Errorf("%d", n)
		}
	}
}
