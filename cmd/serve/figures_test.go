package serve

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/restorefs/restorefs/cache"
)

func TestMetricsFollowTheConventionsAndAreAllInTheTable(t *testing.T) {
	dir, b := smallShare(t)
	s := servedHere(t, dir)
	v, err := s.Open(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		data, err := v.Read(t.Context(), 0, 4096)
		if err != nil {
			t.Fatal(err)
		}
		data.Release()
	}
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(restorefs_[a-z_]+)").FindAllStringSubmatch(
		string(text), -1) {
		documented[m[1]] = true
	}
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "restorefs_") && !documented[name] {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("%s is in docs/metrics.md and not there", name)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// Scripts and dashboards rely on these names. They are a contract and may only grow; the golden
// file grows with them.
func TestNamesOfFiguresStay(t *testing.T) {
	dir, _ := smallShare(t)
	s := servedHere(t, dir)
	families, err := s.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "restorefs_") {
			continue
		}
		fmt.Fprintf(&out, "%s %s: %s\n", f.GetName(), strings.ToLower(f.GetType().String()),
			f.GetHelp())
		var labels []string
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() != "version" {
					labels = append(labels, fmt.Sprintf("  %s=%s\n", l.GetName(), l.GetValue()))
				}
			}
		}
		slices.Sort(labels)
		out.WriteString(strings.Join(labels, ""))
	}
	text, err := s.StatusFile()
	if err != nil {
		t.Fatal(err)
	}
	out.WriteString(regexp.MustCompile(`(?m)": [^{\n]*$`).ReplaceAllString(string(text), `"`)) // names only
	want, err := os.ReadFile("testdata/figures.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(want) {
		t.Errorf("%s\nis not\n%s", got, want)
	}
}

// BenchmarkMeter measures what metrics add to a read from memory.
func BenchmarkMeter(b *testing.B) {
	spans := cache.New(cache.Options{MemoryBytes: 4 << 20})
	defer spans.Close()
	v := spans.Volume("x", flat{})
	m := newMeter(newRegistry())
	for _, metered := range []bool{false, true} {
		b.Run(fmt.Sprint("metered=", metered), func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				r := v.NewReader()
				defer r.Close()
				for off := int64(0); p.Next(); off = (off*7 + 12288) % (1<<20 - 4096) {
					start := time.Now()
					view, err := r.Read(b.Context(), off, 4096)
					if err != nil {
						b.Fatal(err)
					}
					if metered {
						m.read(start, view)
					}
					view.Release()
				}
			})
		})
	}
}
