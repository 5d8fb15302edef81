package format

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxHeldBytes bounds a value that is held in memory as a whole.
	maxHeldBytes = 64 << 10
	// maxNameBytes bounds what is kept of a name or another short text; Cinder's database has space
	// for 255 characters.
	maxNameBytes = 1 << 10
	// maxMetaBytes bounds volume_meta, which grows with the metadata that a tenant gives a volume.
	maxMetaBytes = 64 << 20
)

// text is the next string in v, decoded as it is read, because it may be too long to be held.
type text struct {
	v     *values
	limit int64                 // decoded bytes still allowed
	ended bool                  // after the closing quote
	held  []byte                // decoded, not yet returned
	two   [2 * utf8.UTFMax]byte // memory for held
	err   error                 // of all further reads
}

// text returns a reader of the next value, which must be a string.
func (v *values) text(limit int64) (*text, error) {
	if err := v.expect('"'); err != nil {
		return nil, err
	}
	return &text{v: v, limit: limit}, nil
}

// plainByte marks the bytes that stand for themselves in a JSON string.
var plainByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// plainLen returns how many bytes at the start of b stand for themselves.
func plainLen(b []byte) (n int) {
	for n < len(b) && plainByte[b[n]] {
		n++
	}
	return n
}

// Read implements io.Reader.
func (t *text) Read(p []byte) (n int, err error) {
	for n < len(p) && (t.err == nil || len(t.held) > 0) {
		if len(t.held) > 0 {
			k := copy(p[n:], t.held)
			n, t.held = n+k, t.held[k:]
			continue
		}
		if t.ended {
			t.err = io.EOF
			break
		}
		if t.v.next == t.v.end {
			if n > 0 {
				break
			}
			if t.err = t.v.fill(t.v.next); t.err != nil {
				break
			}
		}
		run := t.v.buf[t.v.next:min(t.v.end, t.v.next+len(p)-n)]
		k := plainLen(run)
		n += copy(p[n:], run[:k])
		t.v.next += k
		switch {
		case k == len(run):
		// the usual escapes
		case k+1 < len(run) && run[k] == '\\' && (run[k+1] == '"' || run[k+1] == '\\'):
			p[n] = run[k+1]
			n, t.v.next = n+1, t.v.next+2
		default:
			t.special(run[k])
		}
	}
	if err = t.gave(n); n > 0 && err == io.EOF {
		return n, nil
	}
	return n, err
}

// gave subtracts n bytes from the limit, and returns t.err.
func (t *text) gave(n int) error {
	if t.limit -= int64(n); t.limit < 0 && (t.err == nil || t.err == io.EOF) {
		t.err = fmt.Errorf("%w: a text of too many bytes", ErrTooLarge)
	}
	return t.err
}

// special handles c, the next byte, which does not stand for itself, and what belongs to it.
func (t *text) special(c byte) {
	t.v.next++
	switch {
	case c == '"':
		t.ended = true
		return
	case c != '\\':
		t.err = fmt.Errorf("%w: a control character inside a text", ErrJSON)
		return
	}
	if c, t.err = t.v.byte(); t.err != nil {
		return
	}
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r := t.hex()
		if utf16.IsSurrogate(r) {
			t.pair(r)
		} else {
			t.held = utf8.AppendRune(t.two[:0], r)
		}
		return
	default:
		t.err = fmt.Errorf("%w: \\%c inside a text", ErrJSON, c)
		return
	}
	t.held = append(t.two[:0], c)
}

func (t *text) hold(runes ...rune) {
	t.held = t.two[:0]
	for _, r := range runes {
		t.held = utf8.AppendRune(t.held, r)
	}
}

// pair decodes the second half of a surrogate pair. A half without the other one is U+FFFD, as in
// encoding/json.
func (t *text) pair(half rune) {
	for _, want := range []byte(`\u`) {
		c, err := t.v.byte()
		switch {
		case err != nil:
			t.err = err
			return
		case c == want:
		case want == '\\':
			t.v.next-- // it is another character
			t.hold(utf8.RuneError)
			return
		default:
			// No program writes another escape after half of a character.
			t.err = fmt.Errorf("%w: half of a character inside a text", ErrJSON)
			return
		}
	}
	other := t.hex()
	if r := utf16.DecodeRune(half, other); r != utf8.RuneError {
		t.hold(r)
	} else if utf16.IsSurrogate(other) {
		t.hold(utf8.RuneError, utf8.RuneError)
	} else {
		t.hold(utf8.RuneError, other)
	}
}

// hex decodes the four digits of \u.
func (t *text) hex() (r rune) {
	for range 4 {
		c, err := t.v.byte()
		if err != nil {
			t.err = err
			return 0
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			t.err = fmt.Errorf("%w: %q in a \\u inside a text", ErrJSON, c)
			return 0
		}
		r = r<<4 | rune(c)
	}
	return r
}

// byte returns the next byte and skips it.
func (v *values) byte() (byte, error) {
	if v.next == v.end {
		if err := v.fill(v.next); err != nil {
			return 0, err
		}
	}
	v.next++
	return v.buf[v.next-1], nil
}

// plain is the next value if that is a string of at most so many bytes, all of it is in memory, and
// each byte stands for itself: so is most of what Cinder writes. The bytes are valid until the next
// call. If it returns false, it has skipped nothing but white space.
func (v *values) plain(most int) ([]byte, bool) {
	if c, err := v.peek(); err != nil || c != '"' {
		return nil, false // whoever reads it in another way meets the error again
	}
	held := v.buf[v.next+1 : v.end]
	held = held[:min(len(held), most+1)]
	n := plainLen(held)
	if n == len(held) || held[n] != '"' {
		return nil, false
	}
	v.next += n + 2
	return held[:n], true
}

// short parses the next value, a string or null, and keeps only as much of it as a message needs;
// nil for null.
func (v *values) short(name string) (*string, error) {
	if plain, ok := v.plain(maxNameBytes - 1); ok {
		s := string(plain)
		return &s, nil
	}
	if c, err := v.peek(); err != nil || c != '"' {
		if err != nil {
			return nil, err
		}
		var s *string
		return s, v.into(name, &s)
	}
	t, err := v.text(maxValueBytes)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(t, maxNameBytes))
	if err != nil {
		return nil, named(name, err)
	}
	s := string(b)
	more, err := io.Copy(io.Discard, t)
	if more > 0 {
		s += "..."
	}
	return &s, named(name, err)
}

// cut reports whether err says that the text ends too early.
func cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
