package luks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// header2Bytes is the size of the binary header of LUKS2; text of JSON follows.
const header2Bytes = 4096

// areas2 are the sizes that a header of LUKS2 may have, and so the places of the second one.
var areas2 = []int64{0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000,
	0x400000}

var errNoCopy = errors.New("there is no second header either")

// copy2 is one of the two headers of LUKS2, its checksum proven.
type copy2 struct {
	bytes    int64 // with the text
	sequence uint64
	uuid     string
	label    string
	text     []byte
}

// header2 reads a header of LUKS2: the newer of its two copies that is right.
func (d *volume) header2() (*Header, error) {
	first, err := d.copy2(0, magic1)
	if err != nil {
		h, second := d.secondHeader(true)
		if errors.Is(second, errNoCopy) {
			return nil, err
		}
		return h, second
	}
	h, err := first.parse(d.size)
	second, bad := d.copy2(first.bytes, magic2)
	switch {
	case bad != nil && h != nil:
		h.Notes = append(h.Notes, fmt.Sprintf("the second LUKS header cannot be used: %v", bad))
	case bad == nil && second.sequence > first.sequence && second.uuid == first.uuid:
		h, err = second.parse(d.size)
		if h != nil {
			h.Notes = append(h.Notes, "the second LUKS header is newer than the first: it is used")
		}
	}
	return h, err
}

// unreadError says that a place could not be read where a header may be.
type unreadError struct{ error }

// Unwrap returns the cause.
func (e *unreadError) Unwrap() error { return e.error }

// secondHeader looks for the second header of LUKS2 where there is no first one. Unless the volume
// begins as LUKS does, a place that cannot be read has none: any disk may be damaged there.
func (d *volume) secondHeader(begins bool) (*Header, error) {
	var found *copy2
	var last error = errNoCopy
	for _, at := range areas2 {
		if at > d.size-header2Bytes {
			break
		}
		c, err := d.copy2(at, magic2)
		switch {
		case err == nil && (found == nil || c.sequence > found.sequence):
			found = c
		case !begins && errors.As(err, new(*unreadError)) && !interrupted(err):
		case err != nil && !errors.Is(err, errNoCopy):
			last = err
		}
	}
	if found == nil {
		return nil, last
	}
	h, err := found.parse(d.size)
	if h != nil {
		h.Notes = append(h.Notes, "the first LUKS header is damaged: the second one is used")
	}
	return h, err
}

func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// copy2 reads one of the two headers. The error is errNoCopy if there is none.
func (d *volume) copy2(at int64, magic string) (*copy2, error) {
	if at > d.size-header2Bytes {
		return nil, errNoCopy
	}
	b, err := d.read(at, header2Bytes)
	if err != nil {
		return nil, &unreadError{err}
	}
	if string(b[:6]) != magic {
		return nil, errNoCopy
	}
	if v := binary.BigEndian.Uint16(b[6:]); v != 2 {
		return nil, broken("its version is %d", v)
	}
	c := &copy2{bytes: int64(binary.BigEndian.Uint64(b[8:])), label: text(b[24:72]),
		sequence: binary.BigEndian.Uint64(b[16:]), uuid: text(b[168:208])}
	if !slices.Contains(areas2, c.bytes) {
		return nil, broken("it has %d bytes", c.bytes)
	}
	if own := binary.BigEndian.Uint64(b[256:]); own != uint64(at) {
		return nil, broken("the one at byte %d says it is that of byte %d", at, own)
	}
	newHash, err := hashOf(text(b[72:104]))
	if err != nil {
		return nil, err
	}
	if c.text, err = d.read(at+header2Bytes, c.bytes-header2Bytes); err != nil {
		return nil, err
	}
	sum := bytes.Clone(b[448:512])
	clear(b[448:512])
	hash := newHash()
	hash.Write(b)
	hash.Write(c.text)
	if got := hash.Sum(nil); !bytes.Equal(got, sum[:min(len(got), len(sum))]) {
		return nil, broken("the checksum of the one at byte %d is wrong", at)
	}
	if end := bytes.IndexByte(c.text, 0); end >= 0 {
		c.text = c.text[:end]
	}
	return c, nil
}

// parse reads the text of a header.
func (c *copy2) parse(size int64) (*Header, error) {
	m, err := parseText(c.text)
	if err != nil {
		return nil, err
	}
	h := &Header{Version: 2, UUID: c.uuid, Label: c.label,
		sum: sumOf([]byte(c.uuid), []byte(c.label), c.text)}
	id, seg, err := m.segment()
	if err != nil {
		return h, err
	}
	h.Cipher, h.SectorBytes, h.tweak = seg.Encryption, seg.SectorSize, uint64(seg.Tweak)
	digests, err := m.digestsOf(id)
	if err != nil {
		return h, err
	}
	for at, d := range digests {
		h.digests = append(h.digests, d.digest())
		for _, name := range d.Keyslots {
			s, err := m.slot(name)
			if err != nil {
				return h, err
			}
			s.digest = at
			h.Slots = append(h.Slots, s)
			h.KeyBytes = s.keyBytes
		}
	}
	if err := m.requirements(); err != nil {
		return h, err
	}
	if len(h.Slots) == 0 {
		return h, h.checkDigests()
	}
	length := int64(-1)
	if !seg.Size.dynamic {
		length = seg.Size.bytes
	}
	if err := h.payload(int64(seg.Offset), length, size); err != nil {
		return h, err
	}
	return h, errors.Join(h.settle(size), h.checkDigests())
}

// settle checks the slots, leaves out those that cannot be used while others can, and puts them
// into order: cryptsetup tries those of a higher priority first.
func (h *Header) settle(size int64) error {
	var usable []Slot
	var first error
	for _, s := range h.Slots {
		err := s.check(size)
		if err == nil && s.keyBytes != h.KeyBytes {
			err = broken("its key slots hold keys of %d and %d bytes", h.KeyBytes, s.keyBytes)
		}
		if err == nil {
			usable = append(usable, s)
			continue
		}
		h.Notes = append(h.Notes, fmt.Sprintf("key slot %d is left out: %v", s.Number, err))
		if first == nil {
			first = err
		}
	}
	if len(usable) == 0 {
		return first
	}
	h.Slots = usable
	slices.SortStableFunc(h.Slots, func(a, b Slot) int {
		if a.priority != b.priority {
			return b.priority - a.priority
		}
		return a.Number - b.Number
	})
	h.boundWork()
	return nil
}
