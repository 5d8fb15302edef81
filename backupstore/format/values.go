package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxValueBytes bounds every value of _metadata except the list of objects and volume_meta. Cinder
// writes some hundred bytes.
const maxValueBytes = 4 << 20

// values splits a JSON text into values without parsing them, which is left to encoding/json or
// something faster. It holds one value at a time, and only a part of a long one: json.Decoder would
// read a string of 500 MB into memory before it could be refused.
type values struct {
	r    io.Reader
	buf  []byte
	next int   // start of the unread bytes in buf
	end  int   // of the bytes in buf
	read int64 // bytes read so far

	first *[valueBytes]byte // what buf was at the beginning
}

func newValues(r io.Reader) *values {
	buf, _ := valueBuffers.Get().(*[valueBytes]byte)
	if buf == nil {
		buf = new([valueBytes]byte)
	}
	return &values{r: r, buf: buf[:], first: buf}
}

// valueBytes holds all of most backups' _metadata.
const valueBytes = 8 << 10

// valueBuffers holds what values begin with (*[valueBytes]byte): a share has many backups.
var valueBuffers sync.Pool

// done gives the first buffer back. Nothing that v returned as bytes may be used afterwards.
func (v *values) done() {
	if v.first != nil {
		valueBuffers.Put(v.first)
	}
	*v = values{}
}

// fill reads on. It keeps the bytes from keep on, and moves them to the front.
func (v *values) fill(keep int) error {
	if keep > 0 {
		copy(v.buf, v.buf[keep:v.end])
		v.next, v.end = v.next-keep, v.end-keep
	}
	if v.end == 0 && v.read > maxHeldBytes && len(v.buf) < maxHeldBytes {
		v.buf = make([]byte, maxHeldBytes) // fewer reads for a large file
	}
	if v.end == len(v.buf) {
		if v.end >= maxHeldBytes {
			return fmt.Errorf("%w: a value of more than %d bytes", ErrTooLarge, maxHeldBytes)
		}
		v.buf = append(v.buf, make([]byte, len(v.buf))...)
	}
	for range 100 {
		n, err := v.r.Read(v.buf[v.end:])
		v.end, v.read = v.end+n, v.read+int64(n)
		if n > 0 {
			return nil
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// at returns the offset of the next byte in the input.
func (v *values) at() int64 { return v.read - int64(v.end-v.next) }

// peek returns the next byte that is not white space.
func (v *values) peek() (byte, error) {
	for {
		for ; v.next < v.end; v.next++ {
			switch c := v.buf[v.next]; c {
			case ' ', '\t', '\r', '\n':
			default:
				return c, nil
			}
		}
		if err := v.fill(v.next); err != nil {
			return 0, err
		}
	}
}

// expect skips the byte want, and fails if another one comes next.
func (v *values) expect(want byte) error {
	c, err := v.peek()
	if err != nil {
		return err
	}
	if c != want {
		return fmt.Errorf("%w: %q where %q belongs, at byte %d", ErrJSON, c, want,
			v.read-int64(v.end-v.next))
	}
	v.next++
	return nil
}

// more skips what is between two elements of a list or an object that ends with closing, and
// reports whether there is another element.
func (v *values) more(first bool, closing byte) (bool, error) {
	c, err := v.peek()
	if err != nil {
		return false, err
	}
	if c == closing {
		v.next++
		return false, nil
	}
	if first {
		return true, nil
	}
	return true, v.expect(',')
}

// value returns the next value as written, without checking that it is valid, which parsing does.
// The bytes are valid until the next call.
func (v *values) value() ([]byte, error) {
	if _, err := v.peek(); err != nil {
		return nil, err
	}
	start, depth, quoted, escaped := v.next, 0, false, false
	for at := start; ; at++ {
		if at == v.end {
			if err := v.fill(start); err != nil {
				return nil, err
			}
			at, start = at-start, 0
		}
		c := v.buf[at]
		switch {
		case escaped:
			escaped = false
			continue
		case quoted:
			escaped, quoted = c == '\\', c != '"'
			if quoted || depth > 0 {
				continue
			}
			at++
		case c == '"':
			quoted = true
			continue
		case c == '{' || c == '[':
			depth++
			continue
		case c == '}' || c == ']':
			depth--
			if depth > 0 {
				continue
			}
			if depth == 0 {
				at++
			}
		case depth > 0:
			continue
		case c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
		default:
			continue // of a number, true, false or null
		}
		// at is after the value.
		v.next = at
		return v.buf[start:at], nil
	}
}

// into parses the next value.
func (v *values) into(name string, to any) error {
	b, err := v.value()
	if err != nil {
		return named(name, err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%w: %q: %w", ErrJSON, clip(name), err)
	}
	return nil
}

// named adds to ErrTooLarge which value was too large.
func named(name string, err error) error {
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%q: %w", clip(name), err)
	}
	return err
}
