package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const mib = 1 << 20

// forged is a complete file with the two records of good and these rows, and right checksums of all;
// dir is where its directory begins.
func forged(rows contents) (file []byte, dir int64) {
	key, k := testKey("o"), newCodec()
	file = key.header()
	for _, s := range good().slots {
		file = k.appendCheckpoint(file, stream.Checkpoint{In: s.in, Out: s.out})
	}
	dir = int64(len(file))
	return appendEnd(file, rows, dir, key.header()), dir
}

// good is two checkpoints and two extents of zeros, none of them odd.
func good() (c contents) {
	first := int64(len(testKey("o").header()))
	c.slots = []slot{{in: 16, out: 0, loc: locate(first, recordMin)}, {in: 800, out: mib, loc: locate(first+recordMin, recordMin)}}
	c.zeros.list = []extent{{0, minZero}, {mib, 2 * mib}}
	return c
}

// A complete file may have been made by anybody: checksums that are right prove nothing of what
// they are over.
func TestEachRowOfADirectoryIsChecked(t *testing.T) {
	key := testKey("o")
	for name, change := range map[string]func(c *contents){
		"a checkpoint behind the stored object":  func(c *contents) { c.slots[1].in = 8*key.StoredBytes + 1 },
		"a checkpoint before the stored object":  func(c *contents) { c.slots[0].in = -1 },
		"a checkpoint behind the decoded object": func(c *contents) { c.slots[1].out = key.DecodedBytes + 1 },
		"two checkpoints at one byte":            func(c *contents) { c.slots[1].out = 0 },
		"a checkpoint at a bit before the last":  func(c *contents) { c.slots[1].in = 15 },
		"a record that overlaps the last":        func(c *contents) { c.slots[1].loc = locate(c.slots[1].loc.off()-1, recordMin) },
		"a record in the header":                 func(c *contents) { c.slots[0].loc = locate(c.slots[0].loc.off()-1, recordMin) },
		"a record that is too short":             func(c *contents) { c.slots[1].loc = locate(c.slots[1].loc.off(), recordMin-1) },
		"a record in the directory":              func(c *contents) { c.slots[1].loc = locate(c.slots[1].loc.off()+1, recordMin) },
		"zeros at those before":                  func(c *contents) { c.zeros.list[1] = extent{minZero, 2 * mib} },
		"zeros in those before":                  func(c *contents) { c.zeros.list[1] = extent{100, 2 * mib} },
		"zeros that are too short":               func(c *contents) { c.zeros.list[0].end-- },
		"zeros behind the object":                func(c *contents) { c.zeros.list[1] = extent{key.DecodedBytes + 1, key.DecodedBytes + mib} },
		"zeros to behind the object":             func(c *contents) { c.zeros.list[1].end = key.DecodedBytes + 1 },
		"zeros of any length":                    func(c *contents) { c.zeros.list[1].end = math.MaxInt64 },
		"nothing odd":                            nil,
	} {
		c := good()
		if change != nil {
			change(&c)
		}
		file, _ := forged(c)
		if _, err := readComplete(bytes.NewReader(file), int64(len(file)), key); errors.Is(err, errDamaged) != (change != nil) || change == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := good().slots[:1]
	long[0].loc = locate(long[0].loc.off(), recordMax+1)
	row := appendEnd(nil, contents{slots: long}, 0, nil)[:slotRowBytes]
	if _, err := parseDirectory(row, 1, long[0].loc.off(), 1<<30, key); !errors.Is(err, errDamaged) {
		t.Errorf("a record that is too long: %v", err)
	}
}

// footed is file with another footer, whose checksum is right.
func footed(file []byte, change func(foot []byte)) []byte {
	file = bytes.Clone(file)
	foot := file[len(file)-footerBytes:]
	change(foot)
	binary.LittleEndian.PutUint32(foot[60:], crc32c(foot[:60]))
	return file
}

func TestEachFieldOfAFooterIsChecked(t *testing.T) {
	key, le := testKey("o"), binary.LittleEndian
	whole, dir := forged(good())
	gap := append(bytes.Clone(whole[:len(whole)-footerBytes]), make([]byte, 8)...)
	unsummed := bytes.Clone(whole)
	unsummed[len(unsummed)-1] ^= 1
	for name, file := range map[string][]byte{
		"another magic":                footed(whole, func(foot []byte) { foot[0]++ }),
		"a reserved field":             footed(whole, func(foot []byte) { foot[56] = 1 }),
		"another sum":                  unsummed,
		"a directory at another place": footed(whole, func(foot []byte) { le.PutUint64(foot[8:], uint64(dir)-8) }),
		"a directory before the file":  footed(whole, func(foot []byte) { le.PutUint64(foot[8:], 1<<63+uint64(dir)) }),
		"bytes behind the directory":   append(gap, whole[len(whole)-footerBytes:]...),
		"no room for a footer":         whole[:len(key.header())+footerBytes-1],
		"no room for a header":         whole[:len(key.header())-1],
		"another version":              append([]byte("rfsindex\x02"), whole[9:]...),
	} {
		if _, err := readComplete(bytes.NewReader(file), int64(len(file)), key); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := key
	other.StoredBytes++
	if _, err := readComplete(bytes.NewReader(whole), int64(len(whole)), other); !errors.Is(err, errStale) {
		t.Errorf("another object: %v", err)
	}
	for _, size := range []int64{maxFileSize, 1 << 62} {
		if _, err := readComplete(bytes.NewReader(whole), size, key); !errors.Is(err, errDamaged) {
			t.Errorf("a file of %d bytes: %v", size, err)
		}
	}
	for _, n := range []int{10, len(key.header()) + 1} { // it became shorter meanwhile
		if _, err := readComplete(bytes.NewReader(whole[:n]), int64(len(whole)), key); err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

// Memory for a directory is bounded, however long the file is.
func TestADirectoryOfMoreThanAnIndexMayHoldIsRefused(t *testing.T) {
	key := testKey("o")
	key.StoredBytes, key.DecodedBytes = 1<<40, 1<<40
	for name, c := range map[string]struct{ slots, zeros int }{
		"checkpoints": {maxCheckpoints + 1, 0}, "zeros": {0, maxZeros + 1}, "as many as there may be": {maxCheckpoints, maxZeros},
	} {
		header := key.header()
		var rows contents
		at := int64(len(header))
		for i := range int64(c.slots) {
			rows.slots = append(rows.slots, slot{in: 16 + i, out: i, loc: locate(at, recordMin)})
			at += recordMin
		}
		for i := range int64(c.zeros) {
			rows.zeros.list = append(rows.zeros.list, extent{2 * i * minZero, (2*i + 1) * minZero})
		}
		file := appendEnd(append(header, make([]byte, c.slots*recordMin)...), rows, at, key.header())
		_, err := readComplete(bytes.NewReader(file), int64(len(file)), key)
		if errors.Is(err, errDamaged) != (c.slots == 0 || c.zeros == 0) || err != nil && !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An unfinished file counts up to the first record that is out of place.
func TestEachRecordOfAnUnfinishedFileIsChecked(t *testing.T) {
	key, k := testKey("o"), newCodec()
	cp := func(in, out int64) []byte { return k.appendCheckpoint(nil, stream.Checkpoint{In: in, Out: out}) }
	zeros := func(off, end int64) []byte { return appendZeros(nil, extent{off, end}) }
	for name, c := range map[string]struct {
		records [][]byte
		want    int // checkpoints
	}{
		"nothing odd":                           {[][]byte{cp(16, 0), zeros(0, mib), cp(800, mib)}, 2},
		"zeros before the last":                 {[][]byte{cp(16, 0), zeros(mib, 2*mib), zeros(0, minZero), cp(800, 3*mib)}, 1},
		"zeros behind the object":               {[][]byte{cp(16, 0), zeros(key.DecodedBytes+1, key.DecodedBytes+mib), cp(800, mib)}, 1},
		"zeros to behind the object":            {[][]byte{cp(16, 0), zeros(mib, key.DecodedBytes+1), cp(800, mib)}, 1},
		"a checkpoint behind the object":        {[][]byte{cp(16, 0), cp(8*key.StoredBytes+1, mib), cp(800, 2*mib)}, 1},
		"two checkpoints at one byte":           {[][]byte{cp(16, 0), cp(800, 0), cp(900, mib)}, 1},
		"a checkpoint at a bit before the last": {[][]byte{cp(160, 0), cp(159, mib), cp(900, 2*mib)}, 1},
	} {
		file := append(key.header(), bytes.Join(c.records, nil)...)
		got, end, err := readPartial(bytes.NewReader(file), int64(len(file)), key)
		if err != nil || len(got.slots) != c.want || (end == int64(len(file))) != (name == "nothing odd") {
			t.Errorf("%s: %d checkpoints, to byte %d of %d, %v", name, len(got.slots), end, len(file), err)
		}
	}
}

// What the directory says of a record has to be what the record says.
func TestARecordThatIsNotTheDirectorysIsRefused(t *testing.T) {
	k := newCodec()
	record := k.appendCheckpoint(nil, stream.Checkpoint{In: 16, Out: mib, State: []byte("state")})
	if c, err := k.checkpoint(record, 16, mib); err != nil || string(c.State) != "state" {
		t.Fatal(c, err)
	}
	longer := append(bytes.Clone(record[:len(record)-crcBytes]), 0)
	longer = binary.LittleEndian.AppendUint32(longer, crc32c(longer))
	for name, c := range map[string]struct {
		record  []byte
		in, out int64
	}{
		"at another bit":      {record, 17, mib},
		"at another byte":     {record, 16, mib + 1},
		"longer than it says": {longer, 16, mib},
		"zeros":               {appendZeros(nil, extent{mib, mib + 16}), 16, mib},
		"too short":           {record[:recordMin-1], 16, mib},
		"empty":               {nil, 16, mib},
	} {
		if _, err := k.checkpoint(c.record, c.in, c.out); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNobodyBuildsAnIndexThatIsComplete(t *testing.T) {
	s := openStore(t, t.TempDir(), 1<<30)
	for _, object := range []string{"o", strings.Repeat("o", maxObjectName+1)} { // the other is in memory only
		x := s.Index(testKey(object))
		defer x.Close()
		b := mustBuild(t, x)
		build(b, 0, 3)
		b.Complete()
		b.Close()
		if b, ok := x.TryBuild(); ok {
			b.Close()
			t.Error("it is built again")
		}
		if n := check(t, x); n != 3 {
			t.Errorf("%d checkpoints", n)
		}
	}
}
