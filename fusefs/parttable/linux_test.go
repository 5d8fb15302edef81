package parttable

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const linuxDiskBytes = 64 * mib

// linuxDisks are the disks for which testdata/linux.txt says what Linux shows.
func linuxDisks() map[string]func(m *image) {
	le, be := binary.LittleEndian, binary.BigEndian
	part := func(kind, start, sectors uint32) [3]uint32 { return [3]uint32{kind, start, sectors} }
	none := [3]uint32{}
	two := [][2]uint64{{2048, 22527}, {40960, 61439}}
	of := func(b []byte, change func(b []byte)) []byte { change(b); return b }
	with := func(g gpt, second bool, change func(m *image)) func(m *image) {
		return func(m *image) {
			g.write(m, second)
			if change != nil {
				change(m)
			}
		}
	}
	first := func(b []byte) func(m *image) { return func(m *image) { m.put(0, b) } }
	// links writes an MBR, and lists of partitions at the sectors given.
	links := func(mbr []byte, tables map[int64][]byte) func(m *image) {
		return func(m *image) {
			m.put(0, mbr)
			for sector, b := range tables {
				m.put(sector*512, b)
			}
		}
	}
	fat := func(flag1, flag3 byte) []byte {
		return of(mbrOf(part(1, 2048, 4096), part(1, 8192, 4096)), func(b []byte) {
			copy(b, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x04\x00\x02\x00\x02\x00\x00\xf8")
			b[mbrEntries], b[mbrEntries+16], b[mbrEntries+32] = flag1, 0x80, flag3
		})
	}
	slice := func(kind uint32, at int64, label []byte) func(m *image) {
		return links(mbrOf(part(kind, 8192, 40960)), map[int64][]byte{8192 + at: label})
	}
	bsd := of(make([]byte, 512), func(b []byte) {
		le.PutUint32(b, bsdMagic)
		le.PutUint32(b[132:], bsdMagic)
		le.PutUint16(b[138:], 3)
		for i, p := range [][2]uint32{{8208, 8192}, {20480, 4096}, {8192, 40960}} {
			le.PutUint32(b[148+16*i:], p[1])
			le.PutUint32(b[152+16*i:], p[0])
			b[160+16*i] = byte(7 * (1 - i/2)) // the last one is the whole slice, unused
		}
	})
	return map[string]func(m *image){
		"GPT":                                            with(gpt{parts: two}, true, nil),
		"GPT, the first header is damaged":               with(gpt{parts: two, spoil: func(b []byte) { b[60] ^= 1 }}, true, nil),
		"GPT, the first header is gone":                  with(gpt{parts: two, spoil: func(b []byte) { clear(b) }}, true, nil),
		"GPT, the first entries are damaged":             with(gpt{parts: two, entries: func(b []byte) { b[100*128] ^= 1 }}, true, nil),
		"GPT, neither copy is right":                     with(gpt{parts: two, spoil: func(b []byte) { clear(b) }}, false, nil),
		"GPT, entries of 256 bytes":                      with(gpt{parts: two, entryBytes: 256}, true, nil),
		"GPT, 4 entries":                                 with(gpt{parts: two, count: 4}, true, nil),
		"GPT, 256 entries":                               with(gpt{parts: append(append([][2]uint64{two[0]}, make([][2]uint64, 199)...), two[1]), count: 256}, true, nil),
		"GPT, entries with holes":                        with(gpt{parts: [][2]uint64{two[0], {}, two[1], {}, {}, {}, {80000, 90000}}}, true, nil),
		"GPT, partitions overlap":                        with(gpt{parts: [][2]uint64{two[0], {10000, 30000}}}, true, nil),
		"GPT, for sectors of 4096 bytes":                 with(gpt{parts: [][2]uint64{{256, 2815}, {5120, 7679}}, sector: 4096}, true, nil),
		"GPT, the header gives sectors behind the end":   with(gpt{parts: two, header: func(b []byte) { le.PutUint64(b[40:], 34); le.PutUint64(b[48:], 200000) }}, true, nil),
		"GPT, the header gives no sectors":               with(gpt{parts: two, header: func(b []byte) { le.PutUint64(b[40:], 34); le.PutUint64(b[48:], 33) }}, true, nil),
		"GPT, a partition reaches behind the end":        with(gpt{parts: [][2]uint64{two[0], {100000, 140000}, {200000, 210000}, {130900, 131071}}}, false, nil),
		"GPT, a partition ends before it begins":         with(gpt{parts: [][2]uint64{{22527, 2048}, two[1], {0, 100}}}, true, nil),
		"GPT, a partition of the type 0":                 with(gpt{parts: two}, true, untyped),
		"GPT, the protective entry begins at sector 0":   with(gpt{parts: two}, true, first(mbrOf(part(kindGPT, 0, 131072)))),
		"GPT, the protective entry begins at sector 2":   with(gpt{parts: two}, true, first(mbrOf(part(kindGPT, 2, 131070)))),
		"GPT, the protective entry has 1 sector":         with(gpt{parts: two}, true, first(mbrOf(part(kindGPT, 1, 1)))),
		"GPT, the protective entry is the third, active": with(gpt{parts: two}, true, first(of(mbrOf(none, none, part(kindGPT, 1, 131071)), func(b []byte) { b[mbrEntries+32] = 0x80 }))),
		"GPT, hybrid MBR":                                with(gpt{parts: two}, true, first(mbrOf(part(kindGPT, 1, 2047), part(0x83, 2048, 20480)))),
		"GPT, hybrid MBR, the protective entry last":     with(gpt{parts: two}, true, first(mbrOf(part(0x83, 2048, 20480), none, part(kindGPT, 1, 2047)))),
		"GPT, none announced in the MBR":                 with(gpt{parts: two}, true, first(mbrOf(part(0x83, 4096, 10000)))),
		"GPT, no MBR":                                    with(gpt{parts: two}, true, first(make([]byte, 512))),
		"hybrid MBR and no GPT":                          first(mbrOf(part(kindGPT, 1, 2047), part(0x83, 2048, 20480))),

		"MBR":                          first(mbrOf(part(0x83, 2048, 20480), part(0x82, 40960, 20480))),
		"MBR, a type 0":                first(mbrOf(part(0, 2048, 2048), part(0x83, 8192, 2048))),
		"MBR, from sector 0 on":        first(mbrOf(part(0x17, 0, 20000), part(0x83, 40960, 2048))),
		"MBR, only the third":          first(mbrOf(none, none, part(0x83, 8192, 2048))),
		"MBR, a flag that is none":     first(of(mbrOf(part(0x83, 2048, 2048), part(0x83, 8192, 2048)), func(b []byte) { b[mbrEntries+16] = 0x12 })),
		"MBR, no signature":            first(of(mbrOf(part(0x83, 2048, 2048)), func(b []byte) { b[511] = 0 })),
		"MBR, partitions overlap":      first(mbrOf(part(0x83, 2048, 20000), part(0x83, 10000, 20000))),
		"MBR, behind the end":          first(mbrOf(part(0x83, 2048, 1000000), part(0x83, 130000, 5000), part(0x83, 200000, 100), part(0x83, 4096, 8192))),
		"MBR, in units of 4096 bytes":  first(mbrOf(part(0x83, 256, 2560), part(0x83, 5120, 2560))),
		"MBR, ext at 4096 times start": links(mbrOf(part(0x83, 256, 2560)), map[int64][]byte{2048: extOf(4, 10<<10, 0)}),
		"MBR over LVM":                 links(mbrOf(part(0x83, 2048, 2048)), map[int64][]byte{1: []byte("LABELONE")}),
		"MBR with what AIX looks for":  first(of(mbrOf(part(0x83, 2048, 2048)), func(b []byte) { copy(b, "\xc9\xc2\xd4\xc1") })),

		"MBR left on an ext4 of 1 KiB blocks": links(mbrOf(part(0x83, 2048, 2048)),
			map[int64][]byte{0 + 2: extOf(0, 64<<10, 0)[1024:], 16384: extOf(0, 64<<10, 1), 49152: extOf(0, 64<<10, 3)}),
		"MBR and a backup superblock where 4096 bytes would be the unit": links(mbrOf(part(0x83, 2048, 2048)),
			map[int64][]byte{16384: extOf(0, 8<<10, 1)}),
		"MBR and a file system too large where 4096 bytes would be the unit": links(mbrOf(part(0x83, 2048, 2048)),
			map[int64][]byte{16384: extOf(0, 64<<10, 0)}),
		"MBR and the second partition where the first were in units of 4096 bytes": links(mbrOf(part(0x83, 2048, 2048), part(0x83, 16384, 8192)),
			map[int64][]byte{16384: extOf(0, 4<<10, 0)}),
		"boot code on an ext4": links(mbrOf(part(0x83, 2048, 1000000)), map[int64][]byte{2: extOf(0, 64<<10, 0)[1024:]}),

		"extended":         links(mbrOf(part(0x83, 2048, 2048), part(5, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000), part(5, 20480, 4096)), 28672: mbrOf(part(0x83, 64, 1500))}),
		"extended of 0x0F": links(mbrOf(part(0x83, 2048, 2048), part(0xf, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000))}),
		"extended of 0x85": links(mbrOf(part(0x83, 2048, 2048), part(0x85, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000))}),
		"two extended": links(mbrOf(part(5, 8192, 8192), part(5, 32768, 32768)),
			map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000)), 32768: mbrOf(part(0x83, 64, 1500))}),
		"logical, descending":                  links(mbrOf(part(5, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000), part(5, 61440, 4096)), 69632: mbrOf(part(0x83, 64, 1500), part(5, 20480, 4096)), 28672: mbrOf(part(0x83, 64, 2000))}),
		"logical, the link first":              links(mbrOf(part(5, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(5, 4096, 4096), part(0x83, 64, 1000)), 12288: mbrOf(part(0x83, 64, 1500))}),
		"logical, in the third and fourth":     links(mbrOf(part(5, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000), none, part(0x83, 8192, 500), part(0x83, 10240, 600))}),
		"logical, outside":                     links(mbrOf(part(5, 8192, 8192)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000), part(5, 4096, 4096)), 12288: mbrOf(part(0x83, 2048, 50000))}),
		"logical, a list without a signature":  links(mbrOf(part(0x83, 2048, 2048), part(5, 8192, 90000)), map[int64][]byte{8192: of(mbrOf(part(0x83, 64, 1000)), func(b []byte) { b[510] = 0 })}),
		"logical, a list that links to itself": links(mbrOf(part(0x83, 2048, 2048), part(5, 8192, 90000)), map[int64][]byte{8192: mbrOf(part(0x83, 64, 1000), part(5, 0, 4096))}),
		"logical, an empty list that links to itself": links(mbrOf(part(0x83, 2048, 2048), part(5, 8192, 90000)),
			map[int64][]byte{8192: mbrOf(none, part(5, 0, 4096))}),
		"extended, reaches behind the end": links(mbrOf(part(0x83, 2048, 2048), part(5, 120000, 100000)),
			map[int64][]byte{120000: mbrOf(part(0x83, 64, 1000), part(5, 20000, 4096))}),

		"FAT on the disk, with bytes like entries":        first(fat(0, 0)),
		"FAT on the disk, with a flag that is none":       first(fat(0x41, 0)),
		"FAT on the disk, with a third flag that is none": first(fat(0, 0x33)),

		"FreeBSD slice": slice(0xA5, 1, bsd),
		"NetBSD slice":  slice(0xA9, 1, bsd),
		"OpenBSD slice": slice(0xA6, 1, bsd),
		"Minix":         slice(0x81, 0, mbrOf(part(0x81, 8200, 1000), part(0x81, 20000, 2000))),
		"Solaris": slice(0xBF, 1, of(make([]byte, 512), func(b []byte) {
			le.PutUint32(b[12:], 0x600DDEEE)
			le.PutUint32(b[16:], 1)
			le.PutUint16(b[30:], 8)
			le.PutUint32(b[76:], 100)
			le.PutUint32(b[80:], 1000)
		})),
		"Sun": first(of(make([]byte, 512), func(b []byte) {
			be.PutUint16(b[436:], 16)
			be.PutUint16(b[438:], 32)
			for i, p := range [][2]uint32{{8, 16384}, {80, 20480}} {
				be.PutUint32(b[444+8*i:], p[0])
				be.PutUint32(b[448+8*i:], p[1])
			}
			be.PutUint16(b[508:], 0xDABE)
			sum := uint16(0)
			for i := 0; i < 510; i += 2 {
				sum ^= be.Uint16(b[i:])
			}
			be.PutUint16(b[510:], sum)
		})),
		"SGI": first(of(make([]byte, 512), func(b []byte) {
			be.PutUint32(b, 0x0BE5A941)
			be.PutUint32(b[312:], 16384)
			be.PutUint32(b[316:], 4096)
			sum := uint32(0)
			for i := 0; i < 512; i += 4 {
				sum += be.Uint32(b[i:])
			}
			be.PutUint32(b[504:], -sum)
		})),
		"Mac": links(of(make([]byte, 512), func(b []byte) { copy(b, "ER\x02\x00") }), map[int64][]byte{
			1: of(make([]byte, 512), func(b []byte) {
				copy(b, "PM\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x3f")
				copy(b[48:], "Apple_partition_map")
			}),
			2: of(make([]byte, 512), func(b []byte) {
				copy(b, "PM\x00\x00\x00\x00\x00\x02\x00\x00\x10\x00\x00\x00\x40\x00")
				copy(b[48:], "Apple_HFS")
			}),
		}),
		"Atari": first(of(make([]byte, 512), func(b []byte) {
			be.PutUint32(b[0x1C2:], 131072)
			copy(b[0x1C6:], "\x01GEM\x00\x00\x10\x00\x00\x00\x40\x00")
		})),
		"Amiga": links(amigaBlock("RDSK", func(b []byte) { be.PutUint32(b[16:], 512); be.PutUint32(b[28:], 1) }), map[int64][]byte{
			1: amigaBlock("PART", func(b []byte) {
				be.PutUint32(b[16:], 0xFFFFFFFF)
				for i, v := range []uint32{16, 128, 0, 16, 1, 32, 0, 0, 0, 8, 39} {
					be.PutUint32(b[128+4*i:], v)
				}
			}),
		}),
	}
}

// extOf returns the start of an ext file system or, with a group, its backup superblock.
func extOf(shift, blocks uint32, group uint16) []byte {
	b := make([]byte, 2048)
	le := binary.LittleEndian
	le.PutUint32(b[extBlocks:], blocks)
	le.PutUint32(b[extShift:], shift)
	copy(b[extMagicAt:], extMagic)
	le.PutUint16(b[extGroup:], group)
	return b
}

// amigaBlock returns a block of an Amiga label with its checksum.
func amigaBlock(id string, fill func(b []byte)) []byte {
	b := make([]byte, 512)
	copy(b, id)
	binary.BigEndian.PutUint32(b[4:], 64)
	fill(b)
	sum := uint32(0)
	for i := 0; i < 256; i += 4 {
		sum += binary.BigEndian.Uint32(b[i:])
	}
	binary.BigEndian.PutUint32(b[8:], -sum)
	return b
}

// untyped clears the type of the first partition of a GPT.
func untyped(m *image) {
	b := make([]byte, 34*512)
	m.ReadAt(b, 0)
	clear(b[1024 : 1024+gptTypeBytes])
	mendGPT(b, 512)
	clear(m.pieces)
	m.put(0, b)
}

// answer is what Linux shows, and what Read returns if that differs.
type answer struct{ linux, generic, shown string }

// linuxAnswers reads testdata/linux.txt.
func linuxAnswers(t *testing.T) map[string]answer {
	text, err := os.ReadFile("testdata/linux.txt")
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]answer{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 4 {
			t.Fatalf("%q", line)
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		answers[f[0]] = answer{f[1], cmp.Or(f[2], f[1]), cmp.Or(f[3], f[1])}
	}
	return answers
}

// Where any flavour of Linux shows other partitions, a problem must say so.
func TestPartitionsAreThoseOfLinuxOrTheDifferenceIsReported(t *testing.T) {
	disks, answers := linuxDisks(), linuxAnswers(t)
	if a, b := slices.Sorted(maps.Keys(disks)), slices.Sorted(maps.Keys(answers)); !slices.Equal(a, b) {
		t.Errorf("disks %q, answers %q", a, b)
	}
	for what, build := range disks {
		t.Run(what, func(t *testing.T) {
			m := blank(linuxDiskBytes)
			build(m)
			got, err := Read(m, m.size)
			if err != nil {
				t.Fatal(err)
			}
			list := []string{}
			for _, p := range got.Partitions {
				list = append(list, fmt.Sprintf("%d:%d+%d", p.Number, p.Start/512, p.Size/512))
			}
			a, shown := answers[what], cmp.Or(strings.Join(list, " "), "none")
			if shown != a.shown {
				t.Errorf("%s, want %s; problems %q", shown, a.shown, got.Problems)
			}
			if differs := a.linux != shown || a.generic != shown; differs && !strings.Contains(strings.Join(got.Problems, "\n"), "Linux") {
				t.Errorf("Linux shows %s, or %s, and it is not told: %q", a.linux, a.generic, got.Problems)
			}
		})
	}
}

// testKernel is where make setup puts a Debian kernel of the cloud flavour.
const testKernel = "../../build/test-kernel"

// testdata/linux.txt must agree with a real kernel, the one of make setup.
func TestLinuxShowsWhatTestdataSays(t *testing.T) {
	if secondPass {
		t.Skip("not in this run: nothing that the second pass of make test changes")
	}
	if runtime.GOARCH != "amd64" {
		skip(t, "needs amd64, the kernel's")
	}
	dir := cmp.Or(os.Getenv("RESTOREFS_TEST_KERNEL"), testKernel)
	glob := func(pattern string) string {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(found) != 1 {
			skip(t, "needs a kernel in build/test-kernel, which make setup puts there: %s: %d files", pattern, len(found))
		}
		return found[0]
	}
	for _, p := range []string{"qemu-system-x86_64", "busybox"} {
		if _, err := exec.LookPath(p); err != nil {
			skip(t, "needs the program %s", p)
		}
	}
	kernel, loop := glob("boot/vmlinuz-*"), glob("modules/loop.ko")
	// newc; Documentation/driver-api/early-userspace/buffer-format.rst of Linux
	var archive bytes.Buffer
	pad := func() { archive.Write(make([]byte, -archive.Len()&3)) }
	add := func(name string, mode int, text []byte) {
		fmt.Fprintf(&archive, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, mode, 0, 0, 1, 0, len(text), 0, 0, 0, 0, len(name)+1, 0)
		archive.WriteString(name + "\x00")
		pad()
		archive.Write(text)
		pad()
	}
	put := func(name string, text []byte) { add(name, 0o100755, text) }
	for _, d := range []string{"dev", "sys", "disks"} {
		add(d, 0o040755, nil)
	}
	for from, to := range map[string]string{"busybox": "busybox", loop: "loop.ko"} {
		path, err := exec.LookPath(from)
		if err != nil {
			path = from
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		put(to, text)
	}
	put("init", []byte(fmt.Sprintf(`#!/busybox sh
/busybox mount -t devtmpfs none /dev
/busybox mount -t sysfs none /sys
/busybox insmod /loop.ko
cd /disks
for d in *; do
	: >/disk
	/busybox truncate -s %d /disk
	for f in $d/*; do /busybox dd if=$f of=/disk bs=512 seek=${f#*/} conv=notrunc 2>/dev/null; done
	/busybox losetup -r -P /dev/loop0 /disk
	for p in /sys/block/loop0/loop0p*; do
		[ -e $p ] || continue
		read start <$p/start
		read size <$p/size
		echo "DISK $d ${p#*loop0p} $start $size"
	done
	echo "DISK $d"
	/busybox losetup -d /dev/loop0
done
echo "the guest is done"
/busybox poweroff -f
`, linuxDiskBytes)))
	disks, answers := linuxDisks(), linuxAnswers(t)
	names := slices.Sorted(maps.Keys(disks))
	for i, what := range names {
		m := blank(linuxDiskBytes)
		disks[what](m)
		add(fmt.Sprintf("disks/%d", i), 0o040755, nil)
		sectors := map[int64][]byte{}
		for off, p := range m.pieces {
			for at := off / 512; at*512 < off+int64(len(p)); at++ {
				sector := make([]byte, 512)
				if m.ReadAt(sector, at*512); !bytes.Equal(sector, make([]byte, 512)) {
					sectors[at] = sector
				}
			}
		}
		for at := range sectors { // writes runs of sectors, as the machine is slow
			if _, follows := sectors[at-1]; follows {
				continue
			}
			text := []byte{}
			for next := at; sectors[next] != nil; next++ {
				text = append(text, sectors[next]...)
			}
			put(fmt.Sprintf("disks/%d/%d", i, at), text)
		}
	}
	put("TRAILER!!!", nil)
	initrd := filepath.Join(t.TempDir(), "initrd")
	if err := os.WriteFile(initrd, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	console, err := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-m", "256M", "-nodefaults", "-no-reboot",
		"-display", "none", "-serial", "stdio", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet loglevel=0 panic=-1").CombinedOutput()
	if err != nil || !bytes.Contains(console, []byte("the guest is done")) {
		t.Fatalf("%v: %s", err, console)
	}
	shown := make([]map[int]string, len(names))
	for line := range strings.Lines(string(console)) {
		var disk, number int
		var start, size uint64
		n, _ := fmt.Sscanf(line, "DISK %d %d %d %d", &disk, &number, &start, &size)
		if n == 1 && shown[disk] == nil {
			shown[disk] = map[int]string{}
		}
		if n != 4 {
			continue
		}
		if shown[disk] == nil {
			shown[disk] = map[int]string{}
		}
		if size > 2 || number > 4 { // otherwise it is the extended partition
			shown[disk][number] = strconv.FormatUint(start, 10) + "+" + strconv.FormatUint(size, 10)
		}
	}
	for i, what := range names {
		var list []string
		for _, n := range slices.Sorted(maps.Keys(shown[i])) {
			// Of a list that repeats up to the last number, keep the first two.
			if n > 6 && shown[i][255] != "" && shown[i][n] == shown[i][n-1] {
				continue
			}
			list = append(list, fmt.Sprintf("%d:%s", n, shown[i][n]))
		}
		got, want := cmp.Or(strings.Join(list, " "), "none"), answers[what].linux
		if os.Getenv("RESTOREFS_TEST_KERNEL") != "" { // a kernel of the generic flavour
			want = answers[what].generic
		}
		if shown[i] == nil || got != want {
			t.Errorf("%s|%s, want %s", what, got, want)
		}
	}
}
