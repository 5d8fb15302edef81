package xfs

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A buffer of 64 KiB of which every second chunk has changed is one item.
func TestAnItemOfAsManyRegionsAsTheKernelHas(t *testing.T) {
	const regions = maxRegions
	payload := make([]byte, 16+28+(regions-1)*bufferChunk)
	le.PutUint32(payload, transMagic)
	first := payload[16:][:28]
	le.PutUint16(first, itemBuffer)
	le.PutUint16(first[2:], regions)
	tr := &transaction{pieces: []piece{{n: 16}, {off: 16, n: 28}}}
	for i := range uint32(regions - 1) {
		off := 44 + i*bufferChunk
		payload[off] = byte(i)
		tr.pieces = append(tr.pieces, piece{off: off, n: bufferChunk})
	}
	l := &logReader{f: &FS{}, sectors: 1 << 10, records: []keptRecord{{payload: payload}}}
	items := 0
	err := l.items(tr, func(it *item) error {
		items++
		b, err := it.region(regions - 1)
		if err != nil || len(b) != bufferChunk || b[0] != byte(regions-2) {
			t.Errorf("the last region has %d bytes, %v", len(b), err)
		}
		return nil
	})
	if err != nil || items != 1 || regions != 257 {
		t.Errorf("%d items of up to %d regions: %v", items, regions, err)
	}
}

func TestTheOrderOfRecords(t *testing.T) {
	l := &logReader{f: &FS{}, sectors: 1 << 10}
	for _, c := range []struct {
		says        string
		lsn, before uint64
		right       bool
	}{
		{"a record follows one of its cycle", 3<<32 | 8, 3<<32 | 4, true},
		{"or of the one before", 3<<32 | 8, 2<<32 | 1000, true},
		{"it is not that of an older cycle", 2<<32 | 8, 3<<32 | 4, false},
		{"nor one from somewhere else", 3<<32 | 16, 3<<32 | 4, false},
	} {
		if err := l.checkOrder(&record{sector: 8, lsn: c.lsn}, c.before); (err == nil) != c.right {
			t.Errorf("%s: %v", c.says, err)
		}
	}
}

func TestALogOfUnknownFeaturesIsNotReplayed(t *testing.T) {
	image := sample(t, 0)
	image[223] |= 0x2 // and its checksum is wrong, which is only told
	_, err := Open(bytes.NewReader(image), int64(len(image)), Options{})
	if !errors.Is(err, ErrLogDirty) || !strings.Contains(err.Error(), "log_incompat:1") {
		t.Error(err)
	}
}
