package fusefs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLseekFindsHolesAndData(t *testing.T) {
	b := sample(idA)
	r := mounted(t, b)
	f, err := os.Open(r.path("backups", idA, "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const data, hole = 3, 4
	size := b.RealSize
	for what, c := range map[string]struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		"data at the start":                {0, data, 0, nil},
		"data inside data":                 {5000, data, 5000, nil},
		"data from a hole":                 {1<<20 + 1, data, 3<<20 + 4096, nil},
		"data from the last hole":          {5 << 20, data, 6 << 20, nil},
		"data at the last byte":            {size - 1, data, size - 1, nil},
		"data at the end":                  {size, data, 0, syscall.ENXIO},
		"hole from the start":              {0, hole, 1 << 20, nil},
		"hole inside a hole":               {2 << 20, hole, 2 << 20, nil},
		"hole behind two adjacent ranges":  {3<<20 + 5000, hole, 5 << 20, nil},
		"the end is the last hole":         {6 << 20, hole, size, nil},
		"hole at the end":                  {size, hole, 0, syscall.ENXIO},
		"the end by the kernel's own seek": {0, 2, size, nil},
	} {
		got, err := f.Seek(c.off, c.whence)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v; want %d, %v", what, got, err, c.want, c.err)
		}
	}
}

func TestCopyKeepsHolesAndReadsOnlyData(t *testing.T) {
	b := sample(idA)
	r := mounted(t, b)
	dst := filepath.Join(t.TempDir(), "copy")
	if _, err := output(t, "cp", "--sparse=auto", r.path("backups", idA, "volume.raw"), dst); err != nil {
		t.Fatal(err)
	}
	compareFile(t, dst, b.content())
	var st syscall.Stat_t
	if err := syscall.Stat(dst, &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks*512 > 4<<20 {
		t.Errorf("the copy has %d blocks", st.Blocks)
	}
}

func TestCopyWithoutKnowledgeOfHoles(t *testing.T) {
	b := sample(idA)
	b.BadNextData = true
	r := mounted(t, b)
	dst := filepath.Join(t.TempDir(), "copy")
	if _, err := output(t, "cp", "--sparse=auto", r.path("backups", idA, "volume.raw"), dst); err != nil {
		t.Fatal(err)
	}
	compareFile(t, dst, b.content())
	if log := strings.Join(r.stats().Log, "\n"); !strings.Contains(log, "cannot look for holes") {
		t.Error(log)
	}
}
