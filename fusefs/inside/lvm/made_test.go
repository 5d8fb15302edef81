package lvm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const sampleID = "abcdef0123456789abcdef0123456789"

const sampleText = `# comment
vg {
id = "group"
seqno = 7
status = ["RESIZEABLE", "READ", "WRITE"]
extent_size = 8
physical_volumes {
pv0 {
id = "abcdef-0123-4567-89ab-cdef-0123-456789"
pe_start = 256
}
}
logical_volumes {
root {
status = ["READ", "WRITE", "VISIBLE"]
segment_count = 2
segment1 {
start_extent = 0
extent_count = 2
type = "striped"
stripe_count = 1	# linear
stripes = [
"pv0", 5
]
}
segment2 {
start_extent = 2
extent_count = 4
type = "striped"
stripe_count = 2
stripe_size = 4
stripes = [ "pv0", 10, "pv0", 20 ]
}
}
}
}
contents = "Text Format Volume Group"
version = 1
`

// made makes a physical volume of 512 KiB with a text, in an area of metadata of 64 KiB, from an offset
// of that on: it may go around its end.
func made(text string, at uint64) []byte {
	disk := make([]byte, 512<<10)
	for i := 128 << 10; i < len(disk); i++ {
		disk[i] = byte(i >> 9)
	}
	label := disk[sectorBytes:][:sectorBytes]
	copy(label, "LABELONE")
	le.PutUint64(label[8:], 1)
	le.PutUint32(label[20:], 32)
	copy(label[24:], "LVM2 001")
	copy(label[32:], sampleID)
	le.PutUint64(label[64:], uint64(len(disk)))
	le.PutUint64(label[72:], 128<<10) // data
	le.PutUint64(label[104:], 4096)   // metadata
	le.PutUint64(label[112:], 64<<10)
	le.PutUint32(label[16:], checksum(label[20:]))
	area := disk[4096:][:64<<10]
	for i, c := range []byte(text) {
		off := at + uint64(i)
		if off >= 64<<10 {
			off -= 64<<10 - mdaHeader
		}
		area[off] = c
	}
	copy(area[4:], mdaMagic)
	le.PutUint32(area[20:], 1)
	le.PutUint64(area[24:], 4096)
	le.PutUint64(area[32:], 64<<10)
	le.PutUint64(area[40:], at)
	le.PutUint64(area[48:], uint64(len(text)))
	le.PutUint32(area[56:], checksum([]byte(text)))
	le.PutUint32(area, checksum(area[4:mdaHeader]))
	return disk
}

func look(disk []byte) (volumes []*Volume, problems []string) {
	volumes, problems, _ = Look([]Source{
		{Name: "p1", R: bytes.NewReader(disk), Size: int64(len(disk))}})
	return volumes, problems
}

func TestTextThatGoesAroundTheEnd(t *testing.T) {
	for _, at := range []uint64{512, 4096, 65_000, 65_535} {
		volumes, problems := look(made(sampleText, at))
		if len(problems) > 0 || len(volumes) != 1 || volumes[0].Problem != "" ||
			volumes[0].Size != 6*4096 {
			t.Fatalf("from %d on: %+v, %q", at, volumes, problems)
		}
		p := make([]byte, volumes[0].Size)
		if _, err := volumes[0].ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		for i, b := range p {
			if want := byte(placeOf(i) >> 9); b != want {
				t.Fatalf("byte %d is %d, not %d", i, b, want)
			}
		}
	}
}

// placeOf is where a byte of the sample's volume lies.
func placeOf(i int) int {
	const begin = 256 * 512
	if i < 2*4096 {
		return begin + 5*4096 + i
	}
	i -= 2 * 4096
	first := []int{10, 20}[i/2048%2]
	return begin + first*4096 + i/4096*2048 + i%2048
}

func TestWhatIsWrongIsTold(t *testing.T) {
	for old, c := range map[string]struct{ now, want string }{
		`"striped"`:        {`"writecache"`, `type "writecache"`},
		`stripe_size = 4`:  {`stripe_size = 0`, "stripes of 0 sectors"},
		`"pv0", 5`:         {`"pv0", 500`, "extent 500"},
		`"pv0", 20`:        {`"pv0", 95`, "behind the end"},
		`start_extent = 2`: {`start_extent = 3`, "from extent 3 on"},
		`segment2`:         {`segment3`, "segment 2 is missing"},
		`extent_count = 4`: {`extent_count = 9223372036854775807`, "extents from extent"},
		`-456789"`:         {`-456788"`, "on another disk"},
	} {
		volumes, problems := look(made(strings.Replace(sampleText, old, c.now, 1), 512))
		if len(volumes) != 1 || !strings.Contains(volumes[0].Problem, c.want) || len(problems) > 0 {
			t.Errorf("%s: %+v, %q", c.now, volumes, problems)
		}
		if _, err := volumes[0].ReadAt(make([]byte, 1), 0); err == nil {
			t.Errorf("%s: it is read", c.now)
		}
	}
	for _, text := range []string{"", "a", "vg {", `vg { x = "`, "vg { x = [1, }", "version = 1", strings.Repeat("a {", 50),
		strings.Replace(sampleText, "vg {", "../vg {", 1), strings.Replace(sampleText, "extent_size = 8", "extent_size = 0", 1)} {
		if volumes, problems := look(made(text, 512)); len(volumes) > 0 ||
			text != "" && len(problems) == 0 {
			t.Errorf("%.20q: %+v, %q", text, volumes, problems)
		}
	}
}

// exercise reads what it finds.
func exercise(t *testing.T, disk []byte) {
	began := time.Now()
	volumes, _ := look(disk)
	p := make([]byte, 5000)
	for _, v := range volumes {
		for _, off := range []int64{0, 4095, v.Size / 2, v.Size - 1, v.Size} {
			_, err := v.ReadAt(p, off)
			if v.Problem != "" && err == nil {
				t.Errorf("%q was read", v.Problem)
			}
		}
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestDamageDoesNoHarm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{
		"{",
		"}",
		"[",
		"]",
		"=",
		`"`,
		"#",
		"9223372036854775807",
		"-1",
		"0",
		"pv0",
		"segment1",
		"\x00",
	}
	for range 1000 {
		text := []byte(sampleText)
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(text))
			text = slices.Replace(
				text,
				at,
				min(len(text), at+rng.IntN(8)),
				[]byte(words[rng.IntN(len(words))])...)
		}
		exercise(t, made(string(text), 512))
	}
}

func FuzzText(f *testing.F) {
	f.Add(sampleText)
	f.Add(fmt.Sprintf("vg { a = [%s] }", strings.Repeat("1,", 1000)))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 60<<10 {
			exercise(t, made(text, 512))
		}
	})
}
