package format

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// parseEntry parses an entry of "objects" in exactly the form that Cinder writes,
// json.dumps(sort_keys=True, indent=2), many times as fast as encoding/json. ok is false for other
// forms, which parseAnyEntry parses, and for invalid entries. prefix is as inJSON gives it.
func parseEntry(b []byte, prefix string) (o Object, ok bool) {
	e := entry{b, true}
	e.literal("{\n      \"")
	e.literal(prefix)
	number := e.upTo('"')
	e.literal(": {\n        \"compression\": \"")
	compression := e.upTo('"')
	e.literal(",\n        \"length\": ")
	length := e.upTo(',')
	e.literal("\n        \"md5\": \"")
	sum := e.upTo('"')
	e.literal(",\n        \"offset\": ")
	offset := e.upTo('\n')
	e.literal("      }\n    }")
	if !e.ok || len(e.rest) > 0 {
		return Object{}, false
	}
	if o.Number, ok = parseNumber(string(number)); !ok {
		return Object{}, false
	}
	// What is not compressed has one name in an entry, whatever the configuration calls it.
	o.Compression = compressionOf(string(compression))
	if o.Compression == 0 || o.Compression == None && string(compression) != None.String() {
		return Object{}, false
	}
	if n, err := hex.Decode(o.MD5[:], sum[:min(len(sum), 32)]); err != nil || n != len(o.MD5) ||
		len(sum) != 32 {
		return Object{}, false
	}
	o.Offset, o.Length = e.integer(offset), e.integer(length)
	return o, e.ok && o.Length > 0 && o.Length <= MaxVolumeBytes && o.Offset <= MaxVolumeBytes
}

// isOdd reports whether an entry that parseEntry refuses begins like Cinder's and then differs. Two
// differences are not odd: Python 2 wrote a blank after each comma, and older releases recorded the
// compression in the letter case in which it was configured.
func isOdd(b []byte, prefix string) bool {
	if !bytes.HasPrefix(b, []byte("{\n      \"")) {
		return false
	}
	_, known := parseEntry(bytes.ToLower(bytes.ReplaceAll(b, []byte(", \n"), []byte(",\n"))),
		strings.ToLower(prefix))
	return !known
}

// entry is the rest of an entry to be parsed. Once ok is false it stays so.
type entry struct {
	rest []byte
	ok   bool
}

func (e *entry) literal(s string) {
	if !e.ok || len(e.rest) < len(s) || string(e.rest[:len(s)]) != s {
		e.ok = false
		return
	}
	e.rest = e.rest[len(s):]
}

// upTo returns the bytes before c and skips both.
func (e *entry) upTo(c byte) []byte {
	i := bytes.IndexByte(e.rest, c)
	if i < 0 {
		e.ok = false
		return nil
	}
	field := e.rest[:i]
	e.rest = e.rest[i+1:]
	return field
}

// integer parses a natural number as JSON writes it.
func (e *entry) integer(b []byte) (n int64) {
	if len(b) == 0 || len(b) > 18 || len(b) > 1 && b[0] == '0' {
		e.ok = false
	}
	for _, c := range b[:min(len(b), 18)] {
		if c < '0' || c > '9' {
			e.ok = false
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
