package s3

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDeep bounds how deep elements lie in each other; those of a list are three.
const maxDeep = 16

var errXML = errors.New("it is no XML that makes sense")

// elements reads the elements of an XML document, as the answers of stores are: in UTF-8, and
// without a document type, so that no entity stands for more than a character. It takes a tenth of
// the time of encoding/xml, which a list of many names otherwise consists of.
type elements struct {
	left []byte   // of the document
	open [][]byte // the names of the elements that are open, as they are written
	end  bool     // the innermost of them was <empty/>, and is not yet ended
	text []byte   // of the innermost element since the last tag, as it is written
}

// next goes to the next tag: the beginning or the end of an element, which is named without its
// prefix. ok is false at the end of the document.
func (e *elements) next() (name []byte, begins, ok bool, err error) {
	if e.end {
		e.end, e.text = false, nil
		return e.pop(), false, true, nil
	}
	start := e.left
	for {
		at := bytes.IndexByte(e.left, '<')
		if at < 0 {
			rest := bytes.TrimSpace(e.left)
			if len(e.open) > 0 || len(rest) > 0 && string(rest) != "\ufeff" {
				return nil, false, false, errXML
			}
			return nil, false, false, nil
		}
		e.left = e.left[at:]
		skip, skipped := e.aside()
		if skip == 0 {
			break
		}
		if !skipped {
			return nil, false, false, errXML
		}
		e.left = e.left[skip:]
	}
	e.text = start[:len(start)-len(e.left)]
	return e.tag()
}

// aside returns how long what is no tag is that begins here: a comment, an instruction or a section
// of text; 0 if a tag begins. ok is false where it does not end.
func (e *elements) aside() (n int, ok bool) {
	for _, kind := range [...][2]string{{"<?", "?>"}, {"<!--", "-->"}, {"<![CDATA[", "]]>"}} {
		if !bytes.HasPrefix(e.left, []byte(kind[0])) {
			continue
		}
		at := bytes.Index(e.left[len(kind[0]):], []byte(kind[1]))
		return len(kind[0]) + max(at, 0) + len(kind[1]), at >= 0
	}
	return 0, true
}

// tag reads the tag that begins here.
func (e *elements) tag() (name []byte, begins, ok bool, err error) {
	end := tagEnd(e.left)
	if end < 0 || e.left[1] == '!' {
		return nil, false, false, errXML
	}
	in := e.left[1:end]
	e.left = e.left[end+1:]
	if closes := in[:min(1, len(in))]; string(closes) == "/" {
		in = bytes.TrimRight(in[1:], " \t\r\n")
		if len(e.open) == 0 || !bytes.Equal(in, e.open[len(e.open)-1]) {
			return nil, false, false, errXML
		}
		return e.pop(), false, true, nil
	}
	in, e.end = bytes.CutSuffix(in, []byte("/"))
	if at := bytes.IndexAny(in, " \t\r\n"); at >= 0 {
		in = in[:at]
	}
	if len(in) == 0 || len(e.open) == maxDeep {
		return nil, false, false, errXML
	}
	e.open = append(e.open, in)
	return local(in), true, true, nil
}

// tagEnd returns where the ">" of the tag is that text begins with, -1 if there is none. One within
// the quotes of an attribute is not it.
func tagEnd(text []byte) int {
	var quote byte
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '>':
			return i
		case c == '"' || c == '\'':
			quote = c
		case c == '<' && i > 0:
			return -1
		}
	}
	return -1
}

func (e *elements) pop() []byte {
	last := len(e.open) - 1
	name := e.open[last]
	e.open = e.open[:last]
	return local(name)
}

// local is a name without the prefix of its namespace.
func local(name []byte) []byte { return name[bytes.IndexByte(name, ':')+1:] }

// content returns the text before the tag that next has returned: all of that of an element which
// has ended, and has no other in it.
func (e *elements) content() (string, error) {
	if bytes.IndexByte(e.text, '<') < 0 && bytes.IndexByte(e.text, '&') < 0 {
		return string(e.text), valid(e.text)
	}
	var out strings.Builder
	for text := e.text; len(text) > 0; {
		rest := elements{left: text}
		switch n, _ := rest.aside(); {
		case text[0] == '<' && n > 0:
			if section, is := bytes.CutPrefix(text[:n], []byte("<![CDATA[")); is {
				out.Write(section[:len(section)-len("]]>")])
			}
			text = text[n:]
		case text[0] == '&':
			r, n := reference(text)
			if n == 0 {
				return "", errXML
			}
			out.WriteRune(r)
			text = text[n:]
		default:
			out.WriteByte(text[0])
			text = text[1:]
		}
	}
	return out.String(), valid([]byte(out.String()))
}

// valid refuses what no text can have.
func valid(text []byte) error {
	if !utf8.Valid(text) || slices.Contains(text, 0) {
		return errXML
	}
	return nil
}

// maxReference is longer than any reference to a character.
const maxReference = 12

// reference returns the character that text begins with a reference to, and how long that is; 0 if
// it is none.
func reference(text []byte) (r rune, n int) {
	end := bytes.IndexByte(text[:min(len(text), maxReference)], ';')
	if end < 0 {
		return 0, 0
	}
	name := string(text[1:end])
	for _, known := range [...]struct {
		name string
		r    rune
	}{{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}} {
		if name == known.name {
			return known.r, end + 1
		}
	}
	digits, numbered := strings.CutPrefix(name, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	code, err := strconv.ParseUint(digits, base, 31)
	if !numbered || err != nil || !utf8.ValidRune(rune(code)) {
		return 0, 0
	}
	return rune(code), end + 1
}
