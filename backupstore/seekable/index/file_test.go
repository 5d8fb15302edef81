package index

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// writeFiles builds an index of n checkpoints in a store at dir, and returns
// its file, complete or not.
func writeFiles(t testing.TB, dir string, n int, complete bool) (name string, content []byte) {
	t.Helper()
	s := openStore(t, dir, 1<<30)
	x := s.Index(testKey("o"))
	defer x.Close()
	b := mustBuild(t, x)
	build(b, 0, n)
	name = filepath.Join(dir, x.name)
	if complete {
		b.Complete()
	} else {
		name += partialSuffix
	}
	b.Close()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, content
}

// put writes a new file: to truncate one makes ext4 write it out.
func put(t testing.TB, name string, content []byte) {
	t.Helper()
	_ = os.Remove(name)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A crash can leave any prefix of what was written.
func TestPartialFileCutAnywhereIsContinued(t *testing.T) {
	dir := t.TempDir()
	name, content := writeFiles(t, dir, 4, false)
	s := openStore(t, dir, 1<<30)
	seen := make(map[int]bool)
	for cut := range len(content) + 1 {
		for i, tail := range [][]byte{nil, make([]byte, 100), bytes.Repeat([]byte{1}, 100)} {
			if i > 0 && cut%5 != i {
				continue
			}
			put(t, name, append(content[:cut:cut], tail...))
			x := s.Index(testKey("o"))
			n := check(t, x)
			if x.Complete() || n > 0 && x.Frontier() != int64(n-1)*spacing {
				t.Fatalf("cut at %d: %d checkpoints, frontier %d", cut, n, x.Frontier())
			}
			b := mustBuild(t, x)
			if check(t, x) != n {
				t.Fatalf("cut at %d: changes when building goes on", cut)
			}
			build(b, max(n-1, 0), 9)
			if cut%64 == 0 { // fsync is slow
				b.Complete()
			}
			b.Close()
			x.Close()
			x = s.Index(testKey("o"))
			if check(t, x) != 9 || x.Complete() != (cut%64 == 0) {
				t.Fatalf("cut at %d: continued wrongly", cut)
			}
			x.Close()
			if err := os.Remove(name); err != nil {
				_ = os.Remove(name[:len(name)-len(partialSuffix)])
			}
			seen[n] = true
		}
	}
	if len(seen) != 5 {
		t.Fatalf("recovered %v of 4 checkpoints", seen)
	}
}

func TestDamagedFileGivesRightAnswersOrNone(t *testing.T) {
	for _, complete := range []bool{true, false} {
		dir := t.TempDir()
		name, content := writeFiles(t, dir, 4, complete)
		s := openStore(t, dir, 1<<30)
		lost := 0
		try := func(what string, at int, damaged []byte) {
			t.Helper()
			put(t, name, damaged)
			x := s.Index(testKey("o"))
			defer x.Close()
			for i := range x.Len() {
				e, ok := x.Before(int64(i) * spacing)
				if !ok {
					break // lost by the look-up before
				}
				c, err := x.Checkpoint(e)
				if want := checkpointAt(int(e.Out / spacing)); err == nil && !bytes.Equal(c.State, want.State) {
					t.Fatalf("%s at %d: wrong state", what, at)
				}
			}
			check(t, x)
			if x.Len() < 4 {
				lost++
				b := mustBuild(t, x)
				from := 0
				if e, ok := b.Resume(); ok {
					from = int(e.Out / spacing)
				}
				build(b, from, 4)
				b.Close()
				if check(t, x) != 4 {
					t.Fatalf("%s at %d: not rebuilt", what, at)
				}
				x.Drop()
			}
		}
		for i := range content {
			damaged := bytes.Clone(content)
			damaged[i] ^= []byte{1, 0x80, 0xff}[i%3]
			try("flip", i, damaged)
			if complete {
				try("cut", i, content[:i])
			}
		}
		if complete {
			try("append", 0, append(bytes.Clone(content), 0))
		}
		// Each is noticed, but for those in what is not read: zero records of
		// a complete file.
		if lost < len(content)*4/5 {
			t.Errorf("complete %v: of %d changes only %d were noticed", complete, len(content), lost)
		}
	}
}

func TestOddFilesInTheStoreAreNoHarm(t *testing.T) {
	for name, put := range map[string]func(string) error{
		"directory": func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
		"symlink out of the store": func(p string) error {
			return os.Symlink("/etc/passwd", p)
		},
		"empty":  func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"text":   func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("text"), 1000), 0o600) },
		"sparse": func(p string) error { return os.WriteFile(p, testKey("o").header(), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, suffix := range []string{"", partialSuffix} {
				dir := t.TempDir()
				p := filepath.Join(dir, testKey("o").name()) + suffix
				if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := put(p); err != nil {
					t.Fatal(err)
				}
				if name == "sparse" {
					if err := os.Truncate(p, 1<<42); err != nil {
						need.Missing(t, "%v", err)
					}
				}
				s := openStore(t, dir, 1<<50)
				x := s.Index(testKey("o"))
				if x.Len() != 0 {
					t.Fatal("believed")
				}
				b := mustBuild(t, x)
				build(b, 0, 9)
				b.Complete()
				b.Close()
				if !x.Complete() || check(t, x) != 9 {
					t.Fatal("not built")
				}
				x.Close()
			}
		})
	}
}

// What the worked example in docs/index-format.md shows.
func TestWorkedExample(t *testing.T) {
	key := Key{
		Object: "02/a1/backup-00001", Algorithm: 1, StoredBytes: 309051253, DecodedBytes: 1 << 30,
		ModTime: time.Unix(1763800000, 500),
	}
	state := []byte{1, 0, 4, 'a', 'b', 'c', 'd'}
	file := key.header()
	if len(file) != 86 {
		t.Fatalf("header of %d bytes", len(file))
	}
	k := newCodec()
	c := contents{}
	c.zeros.list = []extent{{1 << 20, 5 << 20}}
	for i, cp := range []stream.Checkpoint{{In: 16, Out: 0}, {In: 1234567, Out: 600000, State: state}} {
		if i == 1 {
			file = appendZeros(file, c.zeros.list[0])
		}
		at := len(file)
		file = k.appendCheckpoint(file, cp)
		c.add(slot{in: cp.In, out: cp.Out, loc: locate(int64(at), len(file)-at)})
	}
	dir := int64(len(file))
	file = appendEnd(file, c, dir, key.header())
	if dir != 189 || len(file) != 189+48+16+64 {
		t.Fatalf("directory at %d, file of %d bytes", dir, len(file))
	}
	if c.slots[0].loc.off() != 86 || c.slots[0].loc.len() != 32 || c.slots[1].loc.off() != 150 || c.slots[1].loc.len() != 39 {
		t.Fatalf("records at %+v", c.slots)
	}
	got, err := readComplete(bytes.NewReader(file), int64(len(file)), key)
	if err != nil || len(got.slots) != 2 || len(got.zeros.list) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// FuzzComplete gives the loader directories with right checksums, as an
// attacker would make them.
func FuzzComplete(f *testing.F) {
	_, content := writeFiles(f, f.TempDir(), 5, true)
	key := testKey("o")
	header := key.header()
	foot := content[len(content)-footerBytes:]
	dir := binary.LittleEndian.Uint64(foot[8:])
	f.Add(content[len(header):dir], content[dir:len(content)-footerBytes], dir, uint32(5), binary.LittleEndian.Uint32(foot[20:]))
	f.Add([]byte{}, []byte{}, uint64(len(header)), uint32(0), uint32(0))
	f.Add([]byte{}, []byte{}, uint64(len(header)), uint32(1<<31), uint32(1<<31))
	k := newCodec()
	f.Fuzz(func(t *testing.T, records, directory []byte, dir uint64, slots, zeros uint32) {
		le := binary.LittleEndian
		file := append(bytes.Clone(header), records...)
		file = append(file, directory...)
		sum := directorySum(header, directory)
		at := len(file)
		file = append(file, footerMagic...)
		file = le.AppendUint64(file, dir)
		file = le.AppendUint32(file, slots)
		file = le.AppendUint32(file, zeros)
		file = append(file, sum[:]...)
		file = le.AppendUint32(file, 0)
		file = le.AppendUint32(file, crc32c(file[at:]))
		c, err := readComplete(bytes.NewReader(file), int64(len(file)), key)
		if err != nil {
			return
		}
		verifyContents(t, c, key)
		for _, s := range c.slots {
			if s.loc.end() > int64(len(file)) {
				t.Fatal("record beyond the file")
			}
			cp, err := k.checkpoint(file[s.loc.off():s.loc.end()], s.in, s.out)
			if err == nil && (len(cp.State) > MaxStateBytes || cp.Out != s.out) {
				t.Fatal("bad checkpoint")
			}
		}
	})
}

// FuzzPartial gives the loader records that carry right checksums.
func FuzzPartial(f *testing.F) {
	_, content := writeFiles(f, f.TempDir(), 5, false)
	key := testKey("o")
	header := key.header()
	f.Add(content[len(header):])
	f.Add([]byte{kindZeros})
	k := newCodec()
	f.Fuzz(func(t *testing.T, records []byte) {
		file := append(bytes.Clone(header), records...)
		for at := len(header); len(file)-at >= recordMin; {
			h, err := parseRecordHeader(file[at:])
			if err != nil || h.bytes() > len(file)-at {
				break
			}
			sum := at + h.bytes() - crcBytes
			binary.LittleEndian.PutUint32(file[sum:], crc32c(file[at:sum]))
			at += h.bytes()
		}
		c, end, err := readPartial(bytes.NewReader(file), int64(len(file)), key)
		if err != nil {
			t.Fatal(err)
		}
		verifyContents(t, c, key)
		if end < int64(len(header)) || end > int64(len(file)) {
			t.Fatalf("ends at %d", end)
		}
		for _, s := range c.slots {
			if s.loc.end() > end {
				t.Fatal("record beyond the end")
			}
			_, _ = k.checkpoint(file[s.loc.off():s.loc.end()], s.in, s.out)
		}
	})
}

func verifyContents(t *testing.T, c contents, key Key) {
	t.Helper()
	in, out := int64(0), int64(-1)
	for _, s := range c.slots {
		if s.in < in || s.out <= out || s.out > key.DecodedBytes || s.in > key.StoredBytes*8 {
			t.Fatalf("checkpoint %+v out of place", s)
		}
		in, out = s.in, s.out
	}
	end := int64(-1)
	for _, e := range c.zeros.list {
		if e.off <= end || e.end-e.off < minZero || e.end > key.DecodedBytes {
			t.Fatalf("zero extent %+v out of place", e)
		}
		end = e.end
	}
}
