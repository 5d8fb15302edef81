package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// inPieces returns at most n bytes at a time.
type inPieces struct {
	r io.Reader
	n int
}

func (p inPieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// FuzzPassingOverATextIsReadingIt skips a value inside an encoded text, and inside the same text
// decoded: both end at the same byte, or with the same error. If encoding/json accepts the text, so
// do they.
func FuzzPassingOverATextIsReadingIt(f *testing.F) {
	for _, text := range []string{
		`k\": \"v\", \"k\": \"v\", \"k\": \"v\"}, rest\"}"`,
		`abcdefgh\"ijklmnop{\"[]}\\\"\\\\\"qrstuvwx, 1234567890, [{}], true}}"`,
		`\\u6f22\\u5b57 \\u00fc\\n\", \"\ud83d\ude00\n\t\/\u0022\u005c\u0022}]]}}}"`,
		`\\u6f22\\u5b57\\u00fc\\uD83D\\u" 1\\u12{4\\u\u0031"\\u123\"\\u1234\", \"\\u6f22\": \"\\u6f22\\u6f22\"}}}}"`,
		"ä€😀 0123456789abcdef \x1f\"", `0123456789abcdef0123456789abcdef0123456789\x"`, `0123456\"\\\\\\"`, `01234567\`, `0123456789abcdef`, `"`,
		strings.Repeat(`\"01234\", `, 40) + `}}}}"`, strings.Repeat(`[\\`, 40) + `\"` + strings.Repeat(`]`, 50) + `"`, `\"\"\"\"\"\"\"\"}\"\"""`,
	} {
		f.Add(text, uint8(0), true, uint8(40))
		f.Add(text, uint8(2), false, uint8(9))
	}
	f.Fuzz(func(t *testing.T, raw string, depth uint8, quoted bool, piece uint8) {
		start := nesting{depth: int(depth % 4), quoted: quoted || depth%4 == 0}
		open := func() *text {
			tx, err := newValues(inPieces{strings.NewReader(`"` + raw), int(piece) + 1}).text(1 << 10)
			if err != nil {
				t.Fatal(err)
			}
			return tx
		}
		read, readIn := open(), start
		n, ended := 0, false
		var readErr error
		for !ended && readErr == nil {
			var b [1]byte
			var k int
			if k, readErr = read.Read(b[:]); k > 0 {
				k, ended = readIn.pass(b[:])
				n += k
			}
		}
		passed, passedIn := open(), start
		m, there := 0, false
		var err error
		for !there && err == nil {
			var k int
			k, there, err = passed.pass(&passedIn)
			m += k
		}
		if !errors.Is(readErr, err) && readErr.Error() != err.Error() {
			t.Fatalf("read: %v, passed over: %v", readErr, err)
		}
		if err != nil && err != io.EOF {
			return // how far they got does not matter
		}
		if n != m || ended != there || readIn != passedIn {
			t.Fatalf("read: %d bytes, %v %+v; passed over: %d, %v %+v", n, ended, readIn, m, there, passedIn)
		}
		rest, restErr := io.ReadAll(read)
		if got, err := io.ReadAll(passed); !bytes.Equal(got, rest) || (err == nil) != (restErr == nil) {
			t.Fatalf("read: then %q %v; passed over: then %q %v", rest, restErr, got, err)
		}
		var s string
		if json.Unmarshal([]byte(`"`+raw), &s) == nil && len(raw) < 1<<10 && err != nil && err != io.EOF && !strings.Contains(raw, `\u`) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
