package vfat

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// oem are the upper 128 characters of code page 437, in which Linux and DOS have short names.
var oem = []rune("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
	"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0")

// oemText returns text of code page 437.
func oemText(b []byte) string {
	if !slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 }) {
		return string(b)
	}
	var out strings.Builder
	for _, c := range b {
		if c < 0x80 {
			out.WriteByte(c)
		} else {
			out.WriteRune(oem[c-0x80])
		}
	}
	return out.String()
}

// label returns a label of FAT, "" for none.
func label(b []byte) string {
	text := strings.TrimRight(oemText(b), " \x00")
	if text == "NO NAME" {
		return ""
	}
	return text
}

// shortName returns the name of eight and three characters in an entry.
func shortName(slot []byte) string {
	raw := [11]byte(slot[:11])
	if raw[0] == 0x05 {
		raw[0] = slotDeleted // which could not stand there
	}
	var buf [40]byte // enough without a piece of memory for each name
	name := appendPart(buf[:0], raw[:8], slot[12]&8 != 0)
	if kind := bytes.TrimRight(raw[8:], " "); len(kind) > 0 {
		name = appendPart(append(name, '.'), kind, slot[12]&16 != 0)
	}
	return string(name)
}

// appendPart appends a part of a short name, in small letters if that is said of it.
func appendPart(to, part []byte, small bool) []byte {
	for _, c := range bytes.TrimRight(part, " ") {
		r := rune(c)
		if c >= 0x80 {
			r = oem[c-0x80]
		}
		if small {
			r = unicode.ToLower(r)
		}
		to = utf8.AppendRune(to, r)
	}
	return to
}

// shortChecksum is what pieces of a long name have of the short one.
func shortChecksum(slot []byte) (sum byte) {
	for _, c := range slot[:11] {
		sum = (sum<<7 | sum>>1) + c
	}
	return sum
}

// wideName returns a name in UTF-16, little-endian, that ends at a zero. Half of a pair becomes
// the three bytes that UTF-8 would have for it, so that no two names become one.
func wideName(b []byte) string {
	var out []byte
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(le.Uint16(b[i:]))
		if r == 0 {
			break
		}
		if utf16.IsSurrogate(r) {
			if i+3 < len(b) {
				if pair := utf16.DecodeRune(r, rune(le.Uint16(b[i+2:]))); pair != utf8.RuneError {
					out = utf8.AppendRune(out, pair)
					i += 2
					continue
				}
			}
			out = append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6&63), 0x80|byte(r&63))
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// longName puts a long name together from its pieces, the last of which comes first.
type longName struct {
	text   [20 * 26]byte
	pieces int  // of the name
	left   int  // that are still to come
	sum    byte // of the short name
	whole  bool
}

// add adds a piece.
func (l *longName) add(slot []byte) {
	order := int(slot[0])
	if order&0x40 != 0 {
		order &^= 0x40
		l.pieces, l.left, l.sum = order, order, slot[13]
	}
	if order == 0 || order > 20 || order != l.left || slot[13] != l.sum {
		l.forget()
		return
	}
	at := l.text[(order-1)*26:]
	copy(at, slot[1:11])
	copy(at[10:], slot[14:26])
	copy(at[22:], slot[28:32])
	l.left--
	l.whole = l.left == 0
}

// take returns the name if it belongs to a short one, "" if not, and begins anew.
func (l *longName) take(slot []byte) string {
	name := ""
	if l.whole && l.sum == shortChecksum(slot) {
		name = wideName(l.text[:l.pieces*26])
	}
	l.forget()
	return name
}

// forget begins anew. Of the text only what was added since counts.
func (l *longName) forget() { l.pieces, l.left, l.sum, l.whole = 0, 0, 0, false }
