package live

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

func testHeader() *header {
	return &header{key: Key{Backup: "b1", Size: 200 << 20, Content: [32]byte{7}, Device: "wwid 5", DeviceSize: 256 << 20},
		names: Names{Device: "/dev/vdb", Mapper: "n1"}, nonce: [16]byte{3}, created: time.Unix(1780000000, 0).UTC()}
}

func TestAHeaderIsReadAsItWasWritten(t *testing.T) {
	h := testHeader()
	got, err := decodeHeader(h.encode())
	if err != nil || *got != *h {
		t.Errorf("%+v (%v), want %+v", got, err, h)
	}
}

func TestNoFlippedBitOfAHeaderIsBelieved(t *testing.T) {
	good := testHeader().encode()
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeHeader(b); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
}

func TestAHeaderThatMakesNoSenseIsDamaged(t *testing.T) {
	for what, change := range map[string]func(b []byte){
		"no size":                       func(b []byte) { clear(b[32:40]) },
		"a size below zero":             func(b []byte) { b[39] = 0x80 },
		"a device that is too small":    func(b []byte) { binary.LittleEndian.PutUint64(b[40:], 5) },
		"an id that is too long":        func(b []byte) { binary.LittleEndian.PutUint16(b[96:], 129) },
		"a path that is too long":       func(b []byte) { binary.LittleEndian.PutUint16(b[102:], 60000) },
		"no backup":                     func(b []byte) { clear(b[96:98]) },
		"blocks of another size":        func(b []byte) { b[56]++ },
		"a device that nothing is said": func(b []byte) { clear(b[100:102]) },
	} {
		b := testHeader().encode()
		change(b)
		binary.LittleEndian.PutUint32(b[12:], checksum(b, 12))
		if h, err := decodeHeader(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %+v, %v", what, h, err)
		}
	}
}

func TestTheNewerRecordCounts(t *testing.T) {
	h := testHeader()
	both := make([]byte, 2*pagefile.SlotBytes)
	if _, err := latest(both, h); !errors.Is(err, ErrDamaged) {
		t.Errorf("no record: %v", err)
	}
	for g := uint64(1); g < 6; g++ {
		r := record{generation: g, phase: Proving, open: g%2 == 0, zeroed: int64(g), data: 100, lost: 1}
		copy(both[recordOffset(g)-recordsAt:], r.encode(h.nonce))
		if got, err := latest(both, h); err != nil || got != r {
			t.Errorf("%+v (%v), want %+v", got, err, r)
		}
	}
}

// A damaged record could be the newer one, which said that the guest writes past the map.
func TestADamagedRecordIsNotPassedOver(t *testing.T) {
	h := testHeader()
	both := make([]byte, 2*pagefile.SlotBytes)
	for g := uint64(1); g < 3; g++ {
		copy(both[recordOffset(g)-recordsAt:], record{generation: g, phase: Filling}.encode(h.nonce))
	}
	for _, bit := range []int{0, 70, 130, 290, 330, 400, 512, 4095} {
		for slot := range 2 {
			b := bytes.Clone(both)
			b[slot*pagefile.SlotBytes+bit/8] ^= 1 << (bit % 8)
			if r, err := latest(b, h); !errors.Is(err, ErrDamaged) {
				t.Errorf("bit %d of record %d: %+v, %v", bit, slot, r, err)
			}
		}
	}
	exchanged := append(bytes.Clone(both[pagefile.SlotBytes:]), both[:pagefile.SlotBytes]...)
	if _, err := latest(exchanged, h); !errors.Is(err, ErrDamaged) {
		t.Errorf("exchanged: %v", err)
	}
	other := testHeader()
	other.nonce[0]++
	if _, err := latest(both, other); !errors.Is(err, ErrDamaged) {
		t.Errorf("of another file: %v", err)
	}
}

func TestBitsOfBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var words pagefile.Words
		plain := map[uint64][]bool{validBit: make([]bool, pageBlocks), guestBit: make([]bool, pageBlocks)}
		for range 5 {
			from := random.IntN(200)
			end := from + random.IntN(200)
			mask := []uint64{validBit, guestBit}[random.IntN(2)]
			changed := false
			for i := from; i < end; i++ {
				changed = changed || !plain[mask][i]
				plain[mask][i] = true
			}
			if got := mark(&words, from, end, mask); got != changed {
				t.Fatalf("marking [%d, %d): changed %v, want %v", from, end, got, changed)
			}
		}
		for mask, bits := range plain {
			from := random.IntN(400)
			end := from + random.IntN(100)
			want := map[bool]int{true: end, false: end}
			n := int64(0)
			for i := end - 1; i >= from; i-- {
				want[bits[i]] = i
				if bits[i] {
					n++
				}
			}
			for _, set := range []bool{true, false} {
				if got := next(&words, from, end, mask, set); got != want[set] {
					t.Fatalf("next in [%d, %d), set %v: %d, want %d", from, end, set, got, want[set])
				}
			}
			if got := countIn(&words, from, end, mask); got != n {
				t.Fatalf("%d set in [%d, %d), want %d", got, from, end, n)
			}
		}
	}
}

// Whatever a state file holds: no panic, and what is read of it is within the volume.
func FuzzHostileStateFile(f *testing.F) {
	m := newMachine(newBackup(1<<20, rand.New(rand.NewPCG(1, 1))), 1)
	v, err := m.create()
	if err == nil {
		err = errors.Join(v.WriteAt(f.Context(), make([]byte, 5000), 700), v.Close())
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(m.state.now))
	f.Add(bytes.Clone(m.state.now[:recordsAt]))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := newMachine(newBackup(1<<20, rand.New(rand.NewPCG(1, 1))), 1)
		m.state.now, m.state.stable = text, bytes.Clone(text)
		v, err := m.open()
		if err != nil {
			if strings.Contains(err.Error(), "a bug of") && !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			return
		}
		for off := int64(0); off < v.Size(); off += 300 << 10 {
			stop, _, err := v.Valid(t.Context(), off, v.Size())
			if err == nil && (stop <= off || stop > v.Size()) {
				t.Errorf("the run at %d ends at %d", off, stop)
			}
		}
		abandon(v)
	})
}
