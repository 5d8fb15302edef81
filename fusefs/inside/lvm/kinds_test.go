package lvm

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

func TestVolumesOfAllKinds(t *testing.T) {
	disk := kindsDisk(groupText(kindsText()), metadata(t))
	volumes, problems := look(disk)
	if len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	var names []string
	for _, v := range volumes {
		names = append(names, v.Name)
		if v.Name == "store" {
			if !strings.Contains(v.Problem, "snapshot of old") {
				t.Errorf("%s: %q", v.Name, v.Problem)
			}
			continue
		}
		want := contents(disk, dataStart, v.Name)
		got, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size+1))
		if err != nil || !bytes.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: %d bytes of %d, %v %s", v.Name, len(got), len(want), err, v.Problem)
			continue
		}
		p := make([]byte, 300_001)
		if n, err := v.ReadAt(p, 65_537); err != nil || !bytes.Equal(p[:n], want[65_537:][:n]) {
			t.Errorf("%s: a piece of it is wrong (%v)", v.Name, err)
		}
		if n, err := v.ReadAt(p, v.Size-5); n != 5 || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %d bytes at its end, %v", v.Name, n, err)
		}
	}
	if got := strings.Join(names, " "); got != "plain striped thin snapshot external mirror old store" {
		t.Errorf("there are %s", got)
	}
}

func TestVolumesThatAreNotReadAreTold(t *testing.T) {
	volumes, problems := look(kindsDisk(groupText(kindsText()+toldText()), metadata(t)))
	told := map[string]string{"cached": `"cache"`, "parity": `"raid5"`, "dense": `"vdo"`, "lost": "no device 9",
		"looped": "lie on itself"}
	for _, v := range volumes {
		if want := told[v.Name]; want != "" {
			if !strings.Contains(v.Problem, want) {
				t.Errorf("%s: %q", v.Name, v.Problem)
			}
			delete(told, v.Name)
		}
	}
	if len(told) > 0 || len(problems) > 0 {
		t.Errorf("not told: %v, %q", told, problems)
	}
}

// LVM takes the text for its own, and thin_restore makes the pool. With RESTOREFS_LVM_SAMPLES=1 its
// metadata is kept for the other tests.
func TestVolumesAreThoseOfTheTools(t *testing.T) {
	meta := madeMetadata(t)
	if os.Getenv("RESTOREFS_LVM_SAMPLES") != "" {
		guest.Must(t, os.MkdirAll("testdata", 0o755))
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, err := z.Write(meta)
		guest.Must(t, err)
		guest.Must(t, z.Close())
		guest.Must(t, os.WriteFile("testdata/thin.meta.gz", out.Bytes(), 0o644))
	}
	const begin = 1 << 20
	path := noise(t, "disk", 20)
	l := newTools(t, path)
	l.run("pvcreate", "-q", "-ff", "-y", l.loops[0])
	l.run("vgcreate", "-q", "-s", "64k", "group", l.loops[0])
	file := t.TempDir() + "/text"
	l.run("vgcfgbackup", "-q", "-f", file, "group")
	text, err := os.ReadFile(file)
	guest.Must(t, err)
	end := bytes.LastIndexByte(text, '}')
	guest.Write(t, file, []byte(string(text[:end])+"logical_volumes {\n"+kindsText()+"}\n}\n"))
	l.run("vgcfgrestore", "-q", "--force", "-f", file, "group")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	guest.Must(t, err)
	defer f.Close()
	_, err = f.WriteAt(meta, begin+32*thinExtent)
	guest.Must(t, err)

	kinds := map[string]string{}
	for line := range strings.Lines(l.run("lvs", "-a", "--noheadings", "-o", "lv_name,segtype")) {
		f := strings.Fields(line)
		kinds[f[0]] = f[1]
	}
	disk, err := os.ReadFile(path)
	guest.Must(t, err)
	volumes, problems := look(disk)
	if len(problems) > 0 || len(volumes) != 8 {
		t.Errorf("%d volumes, %q", len(volumes), problems)
	}
	for _, v := range volumes {
		want := map[string]string{"thin": "thin", "snapshot": "thin", "external": "thin", "mirror": "raid1",
			"striped": "striped", "plain": "linear", "old": "linear", "store": "linear"}[v.Name]
		if kinds[v.Name] != want {
			t.Errorf("%s is %q for LVM, not %q", v.Name, kinds[v.Name], want)
		}
		if v.Name == "store" {
			continue
		}
		got, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size))
		if err != nil || !bytes.Equal(got, contents(disk, begin, v.Name)) {
			t.Errorf("%s: %d bytes, %v %s", v.Name, len(got), err, v.Problem)
		}
	}
}

// thinDamageEnv is how many mutations the test of them takes; 300 if it is not set.
const thinDamageEnv = "RESTOREFS_LVM_DAMAGES"

// thinPlaces are the blocks of the metadata of a pool that hold something.
func thinPlaces(disk []byte) (list []guest.Place) {
	const begin = dataStart + 32*thinExtent
	for off := int64(begin); off < begin+metaExtents*thinExtent; off += thinBlock {
		b := disk[off:][:thinBlock]
		if bytes.Equal(b, make([]byte, thinBlock)) {
			continue
		}
		mix := uint32(thinNodeSum)
		if off == begin {
			mix = thinSuperSum
		}
		if le.Uint32(b) == thinChecksum(b, mix) {
			list = append(list, guest.Place{What: "metadata of a pool", Off: off, N: thinBlock, Fix: func(image []byte) {
				b := image[off:][:thinBlock]
				le.PutUint32(b, thinChecksum(b, mix))
			}})
		}
	}
	return list
}

func TestADamagedPoolDoesNoHarm(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv(thinDamageEnv))
	if err != nil {
		count = 300
	}
	disk := kindsDisk(groupText(kindsText()), metadata(t))
	guest.Damage(t, "pool", disk, thinPlaces(disk), count, nil, func(g *guest.Guarded) {
		exerciseThin(g, int64(len(disk)))
	})
}

// exerciseThin reads pieces of what it finds.
func exerciseThin(r io.ReaderAt, size int64) {
	volumes, _, _ := Look([]Source{{Name: "p1", R: r, Size: size}})
	p := make([]byte, 5000)
	for _, v := range volumes {
		for off := int64(0); off < v.Size; off += max(v.Size/7, 1) {
			_, err := v.ReadAt(p, off)
			guest.Ignore(err)
		}
	}
}

// FuzzThin changes bytes of a pool's metadata: patch is, repeatedly, the number of a block, where in it
// (two bytes each) and a byte. Checksums are made right.
func FuzzThin(f *testing.F) {
	disk := kindsDisk(groupText(kindsText()), metadata(f))
	list := thinPlaces(disk)
	f.Add([]byte{0, 0, 65, 1, 255})
	f.Add([]byte{4, 0, 16, 0, 1, 9, 0, 4, 0, 0})
	f.Fuzz(func(t *testing.T, patch []byte) {
		if len(patch) > 100 {
			return
		}
		var undo []guest.Place
		var old [][]byte
		for ; len(patch) >= 5; patch = patch[5:] {
			p := list[int(le.Uint16(patch))%len(list)]
			undo, old = append(undo, p), append(old, slices.Clone(disk[p.Off:][:p.N]))
			disk[p.Off+int64(le.Uint16(patch[2:]))%p.N] = patch[4]
			p.Fix(disk)
		}
		exerciseThin(&guest.Guarded{T: t, B: disk}, int64(len(disk)))
		for i := len(undo) - 1; i >= 0; i-- {
			copy(disk[undo[i].Off:], old[i])
		}
	})
}

func TestTextsThatPointAroundDoNoHarm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"plain", "pool", "pool_tmeta", "pool_tdata", "thin", "external", "mirror", "mirror_rimage_0", "pv0"}
	text := groupText(kindsText())
	meta := metadata(t)
	disk := kindsDisk(text, meta)
	for range 200 {
		changed := text
		for range 1 + rng.IntN(4) {
			from, to := names[rng.IntN(len(names))], names[rng.IntN(len(names))]
			changed = strings.Replace(changed, `"`+from+`"`, `"`+to+`"`, 1+rng.IntN(3))
		}
		copy(disk, made(changed, 512)[:128<<10])
		began := time.Now()
		exerciseThin(bytes.NewReader(disk), int64(len(disk)))
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("it took %v", d)
		}
	}
}
