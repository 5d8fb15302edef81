package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxValueBytes bounds every value of _metadata but the list of objects and
// volume_meta. Cinder writes some hundred bytes.
const maxValueBytes = 4 << 20

// values takes a JSON text apart into values without parsing them, for
// encoding/json or something quicker to do that. It holds one value at a time,
// and of a long one only a piece: json.Decoder would read a string of 500 MB into
// memory before anybody could refuse it.
type values struct {
	r    io.Reader
	buf  []byte
	next int   // in buf
	end  int   // of what is in buf
	read int64 // bytes read so far
}

func newValues(r io.Reader) *values { return &values{r: r, buf: make([]byte, 8<<10)} }

// fill reads on, keeping the bytes from keep on, which move to the front.
func (v *values) fill(keep int) error {
	if keep > 0 {
		copy(v.buf, v.buf[keep:v.end])
		v.next, v.end = v.next-keep, v.end-keep
	}
	if v.end == 0 && v.read > maxHeldBytes && len(v.buf) < maxHeldBytes {
		v.buf = make([]byte, maxHeldBytes) // a large file takes fewer reads so
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

// at is the offset of the next byte in what is read.
func (v *values) at() int64 { return v.read - int64(v.end-v.next) }

// peek returns the next byte that is no white space.
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

// expect passes over the byte want.
func (v *values) expect(want byte) error {
	c, err := v.peek()
	if err != nil {
		return err
	}
	if c != want {
		return fmt.Errorf("%w: %q where %q belongs, at byte %d", ErrJSON, c, want, v.read-int64(v.end-v.next))
	}
	v.next++
	return nil
}

// more passes over what stands between two elements of a list or an object that
// ends with closing, and reports whether there is one more element.
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

// value returns the next value as it is written, without checking that it is valid, which parsing
// it does. The bytes are valid until the next call.
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
		// at is behind the value.
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

// named says which value was too large.
func named(name string, err error) error {
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%q: %w", clip(name), err)
	}
	return err
}
