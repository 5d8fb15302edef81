package files

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"
)

// Select says which files are wanted. The zero value wants all.
type Select struct {
	// Pattern is matched with the name, or with the whole path if there is a slash in
	// it: as in a shell, and byte by byte where a name is no UTF-8. "": any.
	Pattern    string
	IgnoreCase bool
	Kinds      string    // of d, f, l, p, s, b, c; "": any
	Newer      time.Time // changed at that time or later; zero: any
	Older      time.Time // changed before that time; zero: any
	MinBytes   int64
	MaxBytes   int64 // 0: any
	Sort       Order // of what a listing gives
}

// Check says what is wrong with the pattern or the kinds.
func (s *Select) Check() error {
	if _, err := path.Match(s.Pattern, ""); err != nil {
		return fmt.Errorf("the pattern %q is not one: %w", s.Pattern, err)
	}
	if strings.Trim(s.Kinds, "dflpsbc") != "" {
		return fmt.Errorf("a type is one of d, f, l, p, s, b, c, not %q", s.Kinds)
	}
	return nil
}

// wants says whether a file is wanted.
func (s *Select) wants(n *Node) bool {
	if s.Kinds != "" && !strings.ContainsRune(s.Kinds, n.letter()) ||
		!s.Newer.IsZero() && n.Attr.Mtime.Before(s.Newer) ||
		!s.Older.IsZero() && !n.Attr.Mtime.Before(s.Older) ||
		n.Attr.Size < s.MinBytes || s.MaxBytes > 0 && n.Attr.Size > s.MaxBytes {
		return false
	}
	if s.Pattern == "" {
		return true
	}
	pattern, text := s.Pattern, n.Name()
	if strings.Contains(pattern, "/") {
		text = n.Path
	}
	if s.IgnoreCase {
		pattern, text = strings.ToLower(pattern), strings.ToLower(text)
	}
	ok, err := path.Match(pattern, text)
	return ok && err == nil
}

// letter is the type as find has it.
func (n *Node) letter() rune {
	switch n.Attr.Mode & typeMask {
	case typeDir:
		return 'd'
	case typeRegular:
		return 'f'
	case typeLink:
		return 'l'
	case typeFIFO:
		return 'p'
	case typeSocket:
		return 's'
	case typeBlock:
		return 'b'
	case typeChar:
		return 'c'
	}
	return '?'
}

// Listing says which files of a tree are given to whom.
type Listing struct {
	Deep   bool // what is in directories below the first one too
	Self   bool // the directory that it begins with too
	Select Select

	Found  func(*Node) error // its error ends the listing
	Failed func(path string, err error)
}

// List gives the files of a directory by their path, or the one file that is none.
func (l Listing) List(ctx context.Context, start *Node) error {
	return Walk(ctx, start, &lister{l, start})
}

// lister is a Visitor.
type lister struct {
	Listing
	start *Node
}

// Enter implements Visitor.
func (l *lister) Enter(n *Node) (down bool, err error) {
	first := n == l.start
	if (!first || l.Self || !n.IsDir()) && l.Select.wants(n) {
		err = l.Found(n)
	}
	return first || l.Deep, err
}

// Leave implements Visitor.
func (l *lister) Leave(*Node) error { return nil }

// Problem implements Visitor.
func (l *lister) Problem(path string, err error) { l.Failed(path, err) }
