package format

import (
	"encoding/json"
	"fmt"
	"io"
)

// passer is a reader that can skip what it would return, faster than it returns it.
type passer interface {
	// pass skips the rest of the value that in is inside of, or a part of it, and returns how many
	// bytes Read would have returned for it.
	pass(in *nesting) (n int, ended bool, err error)
}

// skip skips the next value. The inside of a value that is too long to be held is not checked,
// because it is not used.
func (v *values) skip(name string, limit int64) error {
	c, err := v.peek()
	if err != nil {
		return err
	}
	if c != '{' && c != '[' && c != '"' {
		var any any
		return v.into(name, &any)
	}
	start, held := v.at(), v.next // held: start in v.buf, -1 if too long
	for in := (nesting{}); ; {
		n, ended := in.pass(v.buf[v.next:v.end])
		v.next += n
		if ended {
			if held >= 0 && !json.Valid(v.buf[held:v.next]) {
				return fmt.Errorf("%w: %q", ErrJSON, clip(name))
			}
			return nil
		}
		if v.at()-start > limit {
			return named(name, fmt.Errorf("%w: a value of more than %d bytes", ErrTooLarge, limit))
		}
		if held >= 0 && v.end-held < maxHeldBytes {
			err, held = v.fill(held), 0
		} else {
			held = -1
			ended, err = v.fillBehind(&in)
		}
		if err != nil || ended {
			return err
		}
	}
}

// fillBehind reads on after all held bytes were skipped. If the reader is a passer, it skips there
// what it can of the value that in is inside of, and holds nothing.
func (v *values) fillBehind(in *nesting) (ended bool, err error) {
	source, ok := v.r.(passer)
	if !ok {
		return false, v.fill(v.next)
	}
	n, ended, err := source.pass(in)
	v.read += int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return ended, err
}

// nesting is a position inside a value, as far as is needed to find its end.
type nesting struct {
	depth           int
	quoted, escaped bool
}

// bracket marks the bytes that matter outside of JSON strings.
var bracket = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// pass skips those bytes of b that belong to the value, and reports whether it ends with them.
func (in *nesting) pass(b []byte) (n int, ended bool) {
	for n < len(b) {
		switch {
		case in.escaped:
			in.escaped = false
			n++
			continue
		case in.quoted:
			for n < len(b) && b[n] != '"' && b[n] != '\\' {
				n++
			}
		default:
			for n < len(b) && !bracket[b[n]] {
				n++
			}
		}
		if n == len(b) {
			break
		}
		switch c := b[n]; {
		case c == '\\':
			in.escaped = true
		case c == '"':
			in.quoted = !in.quoted
		case c == '{' || c == '[':
			in.depth++
		default:
			in.depth--
		}
		n++
		if in.depth == 0 && !in.quoted && !in.escaped {
			return n, true
		}
	}
	return n, false
}
