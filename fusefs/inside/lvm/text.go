package lvm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// section is a part of the text between braces: values and sections by their names, and the order
// of the names.
type section struct {
	names  []string
	values map[string]any // string, int64, []any of these, *section
}

func (s *section) number(name string) (int64, bool) {
	n, ok := s.values[name].(int64)
	return n, ok
}

func (s *section) text(name string) string {
	t, _ := s.values[name].(string)
	return t
}

func (s *section) list(name string) []any {
	l, _ := s.values[name].([]any)
	return l
}

// section returns the section of a name; an empty one if there is none.
func (s *section) section(name string) *section {
	if sub, ok := s.values[name].(*section); ok {
		return sub
	}
	return &section{}
}

// has says whether a list has a word.
func (s *section) has(name, word string) bool {
	for _, v := range s.list(name) {
		if v == word {
			return true
		}
	}
	return false
}

// parser reads the text.
type parser struct {
	rest string
	left int // nodes
}

var errText = errors.New("its metadata is no text of LVM2")

// parse reads a text of so many nodes at most, and returns how many it has.
func parse(text string, most int) (*section, int, error) {
	p := &parser{rest: text, left: most}
	s, err := p.section(0)
	if err == nil && p.rest != "" {
		err = errText
	}
	return s, most - p.left, err
}

// skip leaves out white space and comments.
func (p *parser) skip() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		if !strings.HasPrefix(p.rest, "#") {
			return
		}
		end := strings.IndexByte(p.rest, '\n')
		if end < 0 {
			end = len(p.rest)
		}
		p.rest = p.rest[end:]
	}
}

// take takes a character if it is there.
func (p *parser) take(c string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, c)
	p.rest = rest
	return ok
}

// section reads what is in a section, up to the brace that ends it or the end of the text.
func (p *parser) section(depth int) (*section, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: it is too deep", errText)
	}
	s := &section{values: map[string]any{}}
	for {
		p.skip()
		if p.rest == "" || p.rest[0] == '}' {
			return s, nil
		}
		end := strings.IndexAny(p.rest, " \t\r\n={")
		if end <= 0 {
			return nil, errText
		}
		name := p.rest[:end]
		p.rest = p.rest[end:]
		if p.left--; p.left < 0 {
			return nil, fmt.Errorf("%w: it is too long", errText)
		}
		var value any
		var err error
		switch {
		case p.take("{"):
			if value, err = p.section(depth + 1); err == nil && !p.take("}") {
				err = errText
			}
		case p.take("="):
			value, err = p.value()
		default:
			err = errText
		}
		if err != nil {
			return nil, err
		}
		if _, twice := s.values[name]; !twice {
			s.names = append(s.names, name)
		}
		s.values[name] = value
	}
}

// value reads a number, a string, or a list of these.
func (p *parser) value() (any, error) {
	if p.take("[") {
		list := []any{}
		for !p.take("]") {
			v, err := p.simple()
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			p.take(",")
		}
		return list, nil
	}
	return p.simple()
}

func (p *parser) simple() (any, error) {
	if p.left--; p.left < 0 {
		return nil, fmt.Errorf("%w: it is too long", errText)
	}
	if p.take(`"`) {
		var out strings.Builder
		for i := 0; i < len(p.rest); i++ {
			switch c := p.rest[i]; {
			case c == '"':
				p.rest = p.rest[i+1:]
				return out.String(), nil
			case c == '\\' && i+1 < len(p.rest):
				i++
				out.WriteByte(p.rest[i])
			default:
				out.WriteByte(c)
			}
		}
		return nil, errText
	}
	end := 0
	for end < len(p.rest) && strings.IndexByte("+-.0123456789", p.rest[end]) >= 0 {
		end++
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	n, err := strconv.ParseInt(word, 10, 64)
	if _, other := strconv.ParseFloat(word, 64); err != nil && (word == "" || other != nil) {
		return nil, errText
	}
	return n, nil
}
