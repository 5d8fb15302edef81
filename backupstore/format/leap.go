package format

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
)

// pass implements passer. It works on the encoded text, because a tenant's metadata can make
// volume_meta megabytes long in every backup of a share, and listing backups needs next to nothing
// of it.
func (t *text) pass(in *nesting) (n int, ended bool, err error) {
	for !ended && t.err == nil {
		switch {
		case len(t.held) > 0:
			var k int
			k, ended = in.pass(t.held)
			n, t.held = n+k, t.held[k:]
			continue
		case t.ended:
			t.err = io.EOF
			continue
		case t.v.next == t.v.end:
			if n > 0 {
				return n, false, t.gave(n)
			}
			t.err = t.v.fill(t.v.next)
			continue
		}
		if in.depth > 0 && !in.escaped {
			k, decoded := in.leap(t.v.buf[t.v.next:t.v.end])
			n, t.v.next = n+decoded, t.v.next+k
		}
		if t.v.next == t.v.end {
			continue
		}
		run := t.v.buf[t.v.next:t.v.end]
		if run = run[:plainLen(run)]; len(run) > 0 {
			var k int
			k, ended = in.pass(run)
			n, t.v.next = n+k, t.v.next+k
		} else {
			t.special(t.v.buf[t.v.next])
		}
	}
	return n, ended, t.gave(n)
}

// leap skips bytes at the start of b, which is still encoded, and returns their number, and their
// number once decoded. It stops at brackets that may count, at rare escapes, and some bytes before
// the end of b.
func (in *nesting) leap(b []byte) (n, decoded int) {
	for {
		k, quotes := stride(b[n:])
		n, decoded = n+k, decoded+k-quotes
		in.quoted = in.quoted != (quotes%2 == 1)
		if !in.quoted || len(b)-n < 4 {
			return n, decoded
		}
		// stride stopped at a character of the inner string, or at a pair that begins with a
		// backslash there.
		if k := escapes(b[n:]); k > 0 {
			n, decoded = n+k*escapeLen, decoded+k*(escapeLen-1)
			continue
		}
		switch p := b[n : n+4]; {
		case plainByte[p[0]]:
			n, decoded = n+1, decoded+1
		case p[0] == '\\' && p[1] == '\\' && plainByte[p[2]]:
			n, decoded = n+3, decoded+2
		case p[0] == '\\' && p[1] == '\\' && p[2] == '\\' && (p[3] == '"' || p[3] == '\\'):
			n, decoded = n+4, decoded+2
		default:
			return n, decoded
		}
	}
}

// escapeLen is the length of \\u6f22: how a text inside a text has a character that is not ASCII,
// as Cinder writes it.
const escapeLen = 7

// escapes returns the number of such escapes at the start of b. It may leave out the last one.
func escapes(b []byte) (count int) {
	if usesBlocks {
		count = escapeBlocks(b)
		b = b[count*escapeLen:]
	}
	return count + escapesByOne(b)
}

func escapesByOne(b []byte) (count int) {
	for ; len(b) > escapeLen; b = b[escapeLen:] {
		w := binary.LittleEndian.Uint64(b)
		// Of the bytes that stand for themselves this takes those with bit 5 and either bit 4 or
		// bit 6: the digits and the letters up to o. Nothing checks the inner text.
		const bit5 = 0x20202020 << 24
		if w&0xffffff != '\\'|'\\'<<8|'u'<<16 || w&((w^w>>2)<<1)&bit5 != bit5 {
			break
		}
		count++
	}
	return count
}

// stride returns the number of bytes at the start of b that are unescaped ASCII characters other
// than brackets, or quotes with their backslash, and the number of these quotes. It looks at eight
// bytes at a time and may stop up to eight bytes before the end of b.
func stride(b []byte) (n, quotes int) {
	for n+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[n:])
		before := w << 8
		if n > 0 {
			before |= uint64(b[n-1])
		}
		if odd := ^usual(w, before) & tops; odd != 0 {
			n += bits.TrailingZeros64(odd) / 8
			break
		}
		n += 8
		if usesBlocks {
			n += usualBlocks(b[n-1:])
			continue
		}
		for n+32 <= len(b) {
			p := (*[33]byte)(b[n-1:])
			if usual(binary.LittleEndian.Uint64(p[1:]), binary.LittleEndian.Uint64(p[0:]))&
				usual(binary.LittleEndian.Uint64(p[9:]), binary.LittleEndian.Uint64(p[8:]))&
				usual(binary.LittleEndian.Uint64(p[17:]), binary.LittleEndian.Uint64(p[16:]))&
				usual(binary.LittleEndian.Uint64(p[25:]), binary.LittleEndian.Uint64(p[24:]))&
				tops != tops {
				break
			}
			n += 32
		}
	}
	if n > 0 && b[n-1] == '\\' {
		n-- // its second character is not a quote, or not in b
	}
	return n, bytes.Count(b[:n], []byte{'\\'})
}

const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
)

// usual sets the top bit of each byte of w that stride may skip; before holds the bytes one place
// before those of w. The bits above a byte that is not ASCII have no meaning.
func usual(w, before uint64) uint64 {
	// For a byte x below 0x80, x + 0x7f has the top bit unless x is 0, and x + 0x60 has it unless x
	// is a control character. There is no carry into the next byte.
	const low = 0x7f * ones
	folded := w | 0x20*ones // makes [ and { the same, and ] and }
	plain := (w + 0x60*ones) & ((folded ^ '{'*ones) + low) & ((folded ^ '}'*ones) + low) &^ w
	noQuote, noSlash := (w^'"'*ones)+low, (before^'\\'*ones)+low
	return plain &^ (noQuote ^ noSlash)
}
