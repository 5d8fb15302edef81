package cinderconf

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrSyntax means that oslo.config could not read the file either; Cinder does
// not start with it.
var ErrSyntax = errors.New("not what Cinder reads")

// parse adds the options of the section DEFAULT to values.
func parse(text string, values map[string]string) error {
	p := parser{values: values}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimRightFunc(line, space)); err != nil {
			return fmt.Errorf("line %d: %w: %w", i+1, ErrSyntax, err)
		}
	}
	p.flush()
	return nil
}

type parser struct {
	values  map[string]string
	section string
	key     string // of the assignment that may be continued; "" for none
	value   string
}

// line parses a line without trailing space (BaseParser.parse).
func (p *parser) line(line string) error {
	switch {
	case line == "":
		p.flush()
		return nil
	case line[0] == ' ' || line[0] == '\t':
		if p.key == "" {
			return errors.New("it continues a value, but there is none before it")
		}
		p.value += "\n" + strings.TrimLeftFunc(line, space)
		return nil
	}
	p.flush()
	switch line[0] {
	case '[':
		if line[len(line)-1] != ']' || len(line) <= 2 {
			return errors.New("a section's name must be in brackets")
		}
		p.section = line[1 : len(line)-1]
		return nil
	case '#', ';':
		return nil
	}
	at := strings.IndexAny(line, ":=")
	if at < 0 {
		return errors.New("there is no = in it")
	}
	key := strings.TrimFunc(line[:at], space)
	if key == "" {
		return errors.New("there is no name before the =")
	}
	if p.section == "" {
		return errors.New("an option must come after a [section]")
	}
	p.key, p.value = key, unquoted(strings.TrimFunc(line[at+1:], space))
	return nil
}

// flush ends an assignment. The last one of a key counts.
func (p *parser) flush() {
	if p.key != "" && p.section == "DEFAULT" {
		p.values[p.key] = p.value
	}
	p.key = ""
}

func unquoted(v string) string {
	if v == "" || v[0] != '"' && v[0] != '\'' || v[len(v)-1] != v[0] {
		return v
	}
	if len(v) == 1 {
		return ""
	}
	return v[1 : len(v)-1]
}

// space is what Python's str.strip removes.
func space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
