package stream

import (
	"encoding/binary"
	"errors"
)

// A sparse window is the part of the bytes before a checkpoint that the bytes
// after it refer to. Encoded:
//
//	uvarint  number of ranges
//	uvarint  gap, uvarint length    for each range; gap counts from the end of
//	                                the range before (the window's start for
//	                                the first)
//	bytes    the ranges' contents, one after the other

// Range is a part [Off, Off+Len) of a window, in bytes from the window's start.
type Range struct{ Off, Len int }

var errWindow = errors.New("sparse window: out of bounds")

// AppendWindow appends the encoding of the ranges used of window to dst. The
// ranges are sorted, do not touch and lie inside window.
func AppendWindow(dst, window []byte, used []Range) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(used)))
	end := 0
	for _, r := range used {
		dst = binary.AppendUvarint(dst, uint64(r.Off-end))
		dst = binary.AppendUvarint(dst, uint64(r.Len))
		end = r.Off + r.Len
	}
	for _, r := range used {
		dst = append(dst, window[r.Off:r.Off+r.Len]...)
	}
	return dst
}

// ExpandWindow decodes a sparse window at the start of b into window, whose
// other bytes become zero, and returns what follows it in b. Input that does
// not fit is refused with an error; window's contents are then undefined.
func ExpandWindow(window, b []byte) (rest []byte, err error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return nil, errWindow
	}
	b = b[n:]
	// Two passes over the range list: the first finds where the contents start.
	list, total, end := b, 0, 0
	for range count {
		var r Range
		if r, b, err = nextRange(b, end, len(window)); err != nil {
			return nil, err
		}
		end = r.Off + r.Len
		total += r.Len
	}
	if total > len(b) {
		return nil, errWindow
	}
	clear(window)
	content := b
	end = 0
	for range count {
		r, next, _ := nextRange(list, end, len(window))
		list = next
		copy(window[r.Off:], content[:r.Len])
		content = content[r.Len:]
		end = r.Off + r.Len
	}
	return b[total:], nil
}

func nextRange(b []byte, end, size int) (Range, []byte, error) {
	gap, n := binary.Uvarint(b)
	if n <= 0 || gap > uint64(size-end) {
		return Range{}, nil, errWindow
	}
	b = b[n:]
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(size-end)-gap {
		return Range{}, nil, errWindow
	}
	return Range{Off: end + int(gap), Len: int(length)}, b[n:], nil
}
