package parttable

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

const mib = 1 << 20

func TestAGPTIsReadFromTheFirstGoodCopy(t *testing.T) {
	two := [][2]uint64{{2048, 4095}, {}, {4096, 8191}}
	le := binary.LittleEndian
	for what, c := range map[string]struct {
		g      gpt
		size   int64
		second bool
		change func(*image)
		want   string
		says   string // a problem; "": none
		err    bool
	}{
		"a sound one":                                 {g: gpt{parts: two}, second: true, want: "[1:2048+2048 3:4096+4096]"},
		"without a second copy":                       {g: gpt{parts: two}, want: "[1:2048+2048 3:4096+4096]"},
		"sectors of 4096 bytes":                       {g: gpt{sector: 4096, parts: [][2]uint64{{256, 511}}}, second: true, want: "[1:256+256]", says: "in sectors of 4096 bytes"},
		"the first header is gone":                    {g: gpt{parts: two, spoil: func(b []byte) { clear(b) }}, second: true, want: "[1:2048+2048 3:4096+4096]", says: "first copy of the GPT is missing; the second copy is used"},
		"the first header is wrong":                   {g: gpt{parts: two, spoil: func(b []byte) { b[60] ^= 1 }}, second: true, want: "[1:2048+2048 3:4096+4096]", says: "checksum of its header is wrong; the second copy is used"},
		"the first entries are wrong":                 {g: gpt{parts: two, entries: func(b []byte) { b[128*100] ^= 1 }}, second: true, want: "[1:2048+2048 3:4096+4096]", says: "checksum of its entries is wrong; the second copy is used"},
		"the first header, with sectors of 4096":      {g: gpt{sector: 4096, parts: [][2]uint64{{256, 511}}, spoil: func(b []byte) { b[60] ^= 1 }}, second: true, want: "[1:256+256]", says: "second copy"},
		"neither is right":                            {g: gpt{parts: two, entries: func(b []byte) { b[0] ^= 1 }}, want: "[]", says: "no copy of it is good"},
		"a protective MBR and nothing":                {change: func(m *image) { clear(m.pieces[512]) }, want: "[]", says: "no copy of it is good"},
		"the first cannot be read":                    {g: gpt{parts: two}, second: true, change: func(m *image) { m.bad = [][2]int64{{512, 1024}} }, want: "[1:2048+2048 3:4096+4096]", says: "damaged; the second copy is used"},
		"the start of the disk cannot be read":        {g: gpt{parts: two}, second: true, change: func(m *image) { m.bad = [][2]int64{{0, 32 << 10}} }, want: "[1:2048+2048 3:4096+4096]", says: "damaged; the second copy is used"},
		"neither can be read":                         {g: gpt{parts: two}, change: func(m *image) { m.bad = [][2]int64{{512, 1024}, {63 * mib, 64 * mib}} }, want: "[]", err: true},
		"the first cannot be read, no second":         {g: gpt{parts: two}, change: func(m *image) { m.bad = [][2]int64{{1024, 1025}} }, want: "[]", err: true},
		"the header of another sector":                {g: gpt{parts: two, header: func(b []byte) { b[24] = 7 }}, second: true, want: "[1:2048+2048 3:4096+4096]", says: "says that it belongs in sector 7"},
		"larger entries":                              {g: gpt{parts: two, entryBytes: 512}, want: "[1:2048+2048 3:4096+4096]", says: "have 512 bytes each; Linux wants 128"},
		"more entries":                                {g: gpt{parts: two, count: 1000}, want: "[1:2048+2048 3:4096+4096]"},
		"fewer entries":                               {g: gpt{parts: two, count: 3}, want: "[1:2048+2048 3:4096+4096]"},
		"entries of no bytes":                         {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[84:], 0) }}, want: "[]", says: "entries have 0 bytes"},
		"entries of odd size":                         {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[84:], 136) }}, want: "[]", says: "entries have 136 bytes"},
		"entries of a size beyond all":                {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[84:], 1<<31) }}, want: "[]", says: "entries have"},
		"no entries":                                  {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[80:], 0) }}, want: "[]", says: "it has 0 entries"},
		"more entries than memory":                    {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[80:], math.MaxUint32) }}, want: "[]", says: "it has 4294967295 entries"},
		"entries beyond the disk":                     {g: gpt{parts: two, header: func(b []byte) { le.PutUint64(b[72:], 1<<40) }}, want: "[]", says: "entries should be at"},
		"entries at a place beyond numbers":           {g: gpt{parts: two, header: func(b []byte) { le.PutUint64(b[72:], math.MaxUint64) }}, want: "[]", says: "entries should be at"},
		"entries that reach over the end":             {g: gpt{parts: two, header: func(b []byte) { le.PutUint64(b[72:], 64*mib/512-2) }}, want: "[]", says: "entries should be at"},
		"entries at the header":                       {g: gpt{parts: two, header: func(b []byte) { le.PutUint64(b[72:], 1) }}, want: "[]", says: "entries should be at"},
		"a header of no bytes":                        {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[12:], 0) }}, want: "[]", says: "says that it has 0 bytes"},
		"a header larger than its sector":             {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[12:], 513) }}, want: "[]", says: "says that it has 513 bytes"},
		"a longer header":                             {g: gpt{parts: two, header: func(b []byte) { le.PutUint32(b[12:], 512) }}, want: "[1:2048+2048 3:4096+4096]"},
		"a partition behind the end":                  {g: gpt{parts: [][2]uint64{{2048, 4095}, {1 << 40, 1 << 41}}}, want: "[1:2048+2048]", says: "partition 2 begins at sector 1099511627776, behind the end"},
		"a partition over the end":                    {g: gpt{parts: [][2]uint64{{2048, 64*mib/512 + 9}}}, want: "[1:2048+129024]", says: "10 of them behind the end"},
		"a partition as large as numbers are":         {g: gpt{parts: [][2]uint64{{0, math.MaxUint64}}}, want: "[1:0+131072]", says: "behind the end of the disk; it ends there"},
		"a partition that ends before it begins":      {g: gpt{parts: [][2]uint64{{4096, 4095}, {2048, 2048}}}, want: "[2:2048+1]", says: "partition 1 ends at sector 4095, before it begins"},
		"partitions that overlap":                     {g: gpt{parts: [][2]uint64{{2048, 9000}, {2050, 2060}, {8000, 9000}, {9001, 9002}}}, want: "[1:2048+6953 2:2050+11 3:8000+1001 4:9001+2]", says: "partitions 1 and 3 overlap"},
		"a disk that grew has the second copy inside": {g: gpt{parts: two, spoil: func(b []byte) { b[60] ^= 1 }}, second: true, change: func(m *image) { m.size += mib }, want: "[1:2048+2048 3:4096+4096]", says: "second copy is used"},
	} {
		t.Run(what, func(t *testing.T) {
			m := blank(64 * mib)
			c.g.write(m, c.second)
			if c.change != nil {
				c.change(m)
			}
			got, err := Read(m, m.size)
			if (err != nil) != c.err {
				t.Fatal(err)
			}
			problems := strings.Join(got.Problems, "\n")
			if shown(got) != c.want || !strings.Contains(problems, c.says) || (c.says == "" && problems != "") {
				t.Errorf("%s, want %s; problems %q, want %q", shown(got), c.want, problems, c.says)
			}
			if want := max(c.g.sector, 512); len(got.Partitions) > 0 && got.SectorBytes != want {
				t.Errorf("sectors of %d bytes", got.SectorBytes)
			}
		})
	}
}

func TestMoreGPTPartitionsThanLinuxShowsAreLeftOut(t *testing.T) {
	m := blank(64 * mib)
	g := gpt{count: 300}
	for i := range uint64(300) {
		g.parts = append(g.parts, [2]uint64{2048 + i, 2048 + i})
	}
	g.write(m, false)
	got, err := Read(m, m.size)
	if err != nil || len(got.Partitions) != maxPartitions || len(got.Problems) != 2 ||
		!strings.Contains(got.Problems[0], "Linux leaves out") || !strings.Contains(got.Problems[1], "more than 256") {
		t.Errorf("%d partitions, %q, %v", len(got.Partitions), got.Problems, err)
	}
}

func TestAnMBRIsToldFromBootCodeAndRead(t *testing.T) {
	with := func(b []byte, off int, s string) []byte { copy(b[off:], s); return b }
	linux := func(start, sectors uint32) [3]uint32 { return [3]uint32{0x83, start, sectors} }
	ext4 := "\x53\xef"
	for what, c := range map[string]struct {
		size   int64
		pieces map[int64][]byte
		bad    [2]int64
		want   string
		says   string
	}{
		"nothing":                    {want: "[]"},
		"no signature":               {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), 510, "\x55\xab")}, want: "[]"},
		"no entries":                 {pieces: map[int64][]byte{0: mbrOf()}, want: "[]"},
		"two partitions":             {pieces: map[int64][]byte{0: mbrOf(linux(2048, 100), linux(4096, 200))}, want: "[1:2048+100 2:4096+200]"},
		"one, as the third":          {pieces: map[int64][]byte{0: mbrOf([3]uint32{}, [3]uint32{}, linux(2048, 100))}, want: "[3:2048+100]"},
		"the active one":             {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), mbrEntries, "\x80")}, want: "[1:2048+100]"},
		"code where the entries are": {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), mbrEntries+16, "\x66")}, want: "[]"},
		"a partition over the end":   {pieces: map[int64][]byte{0: mbrOf(linux(2048, 1<<31))}, want: "[1:2048+129024]", says: "behind the end of the disk; it ends there"},
		"a partition behind the end": {pieces: map[int64][]byte{0: mbrOf(linux(1<<31, 10), linux(2048, 1))}, want: "[2:2048+1]", says: "partition 1 begins at sector 2147483648"},
		"partitions that overlap":    {pieces: map[int64][]byte{0: mbrOf(linux(2048, 100), linux(2100, 200))}, want: "[1:2048+100 2:2100+200]", says: "partitions 1 and 2 overlap"},
		"the largest numbers":        {pieces: map[int64][]byte{0: mbrOf(linux(1<<32-1, 1<<32-1))}, want: "[]", says: "behind the end"},
		// isohybrid
		"one that begins with the disk":  {pieces: map[int64][]byte{0: mbrOf([3]uint32{0x17, 0, 5000})}, want: "[1:0+5000]"},
		"NTFS, the whole disk":           {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), 0, "\xeb\x52\x90NTFS    ")}, want: "[]", says: "Linux shows partitions by it"},
		"exFAT, the whole disk":          {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), 0, "\xeb\x76\x90EXFAT   ")}, want: "[]", says: "Linux shows partitions by it"},
		"FAT, the whole disk":            {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), 0, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x04\x00\x02\x00\x02\x00\x00\xf8")}, want: "[]", says: "Linux shows partitions by it"},
		"GRUB, which jumps like FAT":     {pieces: map[int64][]byte{0: with(mbrOf(linux(2048, 100)), 0, "\xeb\x63\x90")}, want: "[1:2048+100]"},
		"ext, with boot code that fits":  {pieces: map[int64][]byte{0: mbrOf(linux(2048, 1<<30)), 1024 + 56: []byte(ext4)}, want: "[]", says: "Linux shows partitions by it"},
		"a sound list over an old ext":   {pieces: map[int64][]byte{0: mbrOf(linux(2048, 1000)), 1024 + 56: []byte(ext4)}, want: "[1:2048+1000]"},
		"4096: the contents tell":        {pieces: map[int64][]byte{0: mbrOf(linux(256, 1000)), 256*4096 + 1024 + 56: []byte(ext4)}, want: "[1:256+1000]4096", says: "in sectors of 4096 bytes"},
		"4096: btrfs":                    {pieces: map[int64][]byte{0: mbrOf(linux(256, 1000)), 256*4096 + btrfsAt + 48: []byte("\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + btrfsMagic)}, want: "[1:256+1000]4096", says: "in sectors of 4096 bytes"},
		"4096: does not fit the disk":    {pieces: map[int64][]byte{0: mbrOf(linux(256, 100000)), 256*4096 + 1024 + 56: []byte(ext4)}, want: "[1:256+100000]"},
		"512: both places hold a system": {pieces: map[int64][]byte{0: mbrOf(linux(256, 1000)), 256 * 512: []byte("XFSB"), 256*4096 + 1024 + 56: []byte(ext4)}, want: "[1:256+1000]"},
		"512: the place is damaged":      {pieces: map[int64][]byte{0: mbrOf(linux(256, 1000))}, bad: [2]int64{256 * 512, 256*512 + 1}, want: "[1:256+1000]", says: "512 bytes are assumed"},
		"a disk of half a sector":        {size: 511, want: "[]"},
		"a disk of one sector":           {size: 512, pieces: map[int64][]byte{0: mbrOf(linux(1, 1))}, want: "[]", says: "behind the end"},
	} {
		t.Run(what, func(t *testing.T) {
			m := blank(64 * mib)
			if c.size != 0 {
				m.size = c.size
			}
			for off, p := range c.pieces {
				m.put(off, p)
			}
			m.bad = [][2]int64{c.bad}
			got, err := Read(m, m.size)
			if err != nil {
				t.Fatal(err)
			}
			list := shown(got)
			if got.SectorBytes == 4096 {
				list += "4096"
			}
			problems := strings.Join(got.Problems, "\n")
			if list != c.want || !strings.Contains(problems, c.says) || (c.says == "" && problems != "") {
				t.Errorf("%s, want %s; problems %q, want %q", list, c.want, problems, c.says)
			}
		})
	}
}

func TestLogicalPartitionsAreFoundAlongTheirChain(t *testing.T) {
	linux := func(start, sectors uint32) [3]uint32 { return [3]uint32{0x83, start, sectors} }
	link := func(start uint32) [3]uint32 { return [3]uint32{0x05, start, 1000} }
	first := mbrOf(linux(2048, 100), [3]uint32{0x0F, 10000, 20000})
	at := func(sector int64) int64 { return sector * 512 }
	for what, c := range map[string]struct {
		pieces map[int64][]byte
		bad    [2]int64
		want   string
		says   string
	}{
		"two":                     {pieces: map[int64][]byte{at(10000): mbrOf(linux(8, 50), link(1000)), at(11000): mbrOf(linux(16, 60))}, want: "[1:2048+100 5:10008+50 6:11016+60]"},
		"the first was deleted":   {pieces: map[int64][]byte{at(10000): mbrOf([3]uint32{}, link(1000)), at(11000): mbrOf(linux(16, 60))}, want: "[1:2048+100 5:11016+60]"},
		"none":                    {pieces: map[int64][]byte{at(10000): mbrOf()}, want: "[1:2048+100]"},
		"the list is gone":        {want: "[1:2048+100]", says: "sector 10000 holds no list"},
		"the second is gone":      {pieces: map[int64][]byte{at(10000): mbrOf(linux(8, 50), link(1000))}, want: "[1:2048+100 5:10008+50]", says: "from the 2nd one on, cannot be found: sector 11000 holds no list"},
		"the list is unreadable":  {bad: [2]int64{at(10000), at(10001)}, want: "[1:2048+100]", says: "are damaged"},
		"a circle":                {pieces: map[int64][]byte{at(10000): mbrOf(linux(8, 50), link(1000)), at(11000): mbrOf(linux(16, 60), link(0))}, want: "[1:2048+100 5:10008+50 6:11016+60]", says: "it goes in a circle"},
		"a link to itself":        {pieces: map[int64][]byte{at(10000): mbrOf(linux(8, 50), link(0))}, want: "[1:2048+100 5:10008+50]", says: "it goes in a circle"},
		"a link out of the disk":  {pieces: map[int64][]byte{at(10000): mbrOf(linux(8, 50), link(1<<31))}, want: "[1:2048+100 5:10008+50]", says: "behind the end of the disk"},
		"one out of the disk":     {pieces: map[int64][]byte{at(10000): mbrOf(linux(1<<31, 50), link(1000)), at(11000): mbrOf(linux(16, 60))}, want: "[1:2048+100 6:11016+60]", says: "partition 5 begins at sector"},
		"a third that is outside": {pieces: map[int64][]byte{at(10000): mbrOf(linux(8, 50), [3]uint32{}, linux(19990, 50), linux(100, 7))}, want: "[1:2048+100 5:10008+50 6:10100+7]"},
	} {
		t.Run(what, func(t *testing.T) {
			m := blank(64 * mib)
			m.put(0, first)
			for off, p := range c.pieces {
				m.put(off, p)
			}
			m.bad = [][2]int64{c.bad}
			got, err := Read(m, m.size)
			problems := strings.Join(got.Problems, "\n")
			if err != nil || shown(got) != c.want || !strings.Contains(problems, c.says) || (c.says == "" && problems != "") {
				t.Errorf("%s, want %s; problems %q, want %q; %v", shown(got), c.want, problems, c.says, err)
			}
		})
	}
}

func TestAChainOfLogicalPartitionsIsBounded(t *testing.T) {
	m := blank(1 << 30)
	m.put(0, mbrOf([3]uint32{0x05, 1, 1 << 20}))
	chain := make([]byte, 5000*512)
	for i := range uint32(5000) {
		copy(chain[i*512:], mbrOf([3]uint32{}, [3]uint32{0x05, i + 1, 1}))
	}
	m.put(512, chain)
	got, err := Read(m, m.size)
	if err != nil || len(got.Partitions) != 0 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "links") || m.reads > maxLinks+10 {
		t.Errorf("%+v, %v, %d reads", got, err, m.reads)
	}
	for i := range uint32(5000) {
		copy(chain[i*512:], mbrOf([3]uint32{0x83, 1, 1}, [3]uint32{0x05, i + 1, 1}))
	}
	got, err = Read(m, m.size)
	if err != nil || len(got.Partitions) != maxPartitions || m.reads > 2*(maxLinks+10) {
		t.Errorf("%d partitions, %v, %d reads", len(got.Partitions), err, m.reads)
	}
}
