package several

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// Share implements share.Share by the shares that it has.
type Share struct {
	names []string
	parts []share.Share // in the order of names; never changed
	fresh []bool        // in a successor: which of parts are new, and are closed with it
}

// New returns the share that some are together. It owns them.
func New(parts ...share.Share) *Share {
	s := &Share{parts: parts}
	digits := len(fmt.Sprint(len(parts)))
	for i := range parts { // in the order of names the first one comes first
		s.names = append(s.names, fmt.Sprintf("share%0*d", digits, i+1))
	}
	return s
}

// Names returns the directories that the shares are, in the order of New.
func (s *Share) Names() []string { return slices.Clone(s.names) }

// Part returns the share that a path lies in, and the path there; nil for the root.
func (s *Share) Part(name string) (share.Share, string) {
	first, rest, below := strings.Cut(name, "/")
	i := slices.Index(s.names, first)
	if i < 0 {
		return nil, name
	}
	if !below {
		rest = "."
	}
	return s.parts[i], rest
}

// in is Part for an operation, with an error where there is no such share. Whether a path is one is
// left to the share: names in a directory need not be UTF-8.
func (s *Share) in(op, name string) (share.Share, string, error) {
	part, rest := s.Part(name)
	if part == nil {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return part, rest, nil
}

// ReadDir implements share.Share.
func (s *Share) ReadDir(ctx context.Context, dir string, want func(name string) bool) (
	entries []share.Entry, own share.Stamp, err error) {
	if dir == "." {
		for _, name := range s.names {
			entries = append(entries, share.Entry{Name: name, Mode: fs.ModeDir})
		}
		return entries, own, nil
	}
	part, rest, err := s.in("list", dir)
	if err != nil {
		return nil, own, err
	}
	entries, own, err = part.ReadDir(ctx, rest, want)
	return entries, own, gone(part, rest, err)
}

// gone makes another error of that for a share that is not there any more. As the error for a
// directory below it, it would mean that the backups in it were deleted.
func gone(part share.Share, rest string, err error) error {
	if rest == "." && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the share %s is not there any more: %v", part, err)
	}
	return err
}

// Look implements share.Share. Of the root nothing is told.
func (s *Share) Look(ctx context.Context, dir string, files []string) (own share.Stamp,
	of []share.Stamp, err error) {
	if dir == "." {
		return own, make([]share.Stamp, len(files)), nil
	}
	part, rest, err := s.in("look at", dir)
	if err != nil {
		return own, nil, err
	}
	own, of, err = part.Look(ctx, rest, files)
	return own, of, gone(part, rest, err)
}

// Open implements share.Share.
func (s *Share) Open(ctx context.Context, name string) (share.File, error) {
	part, rest, err := s.in("open", name)
	if err != nil {
		return nil, err
	}
	if rest == "." {
		return nil, &fs.PathError{Op: "open", Path: name, Err: share.ErrNotRegular}
	}
	return part.Open(ctx, rest)
}

// TellsStamps reports whether a listing tells the stamps of directories, in all of the shares.
func (s *Share) TellsStamps() bool {
	return !slices.ContainsFunc(s.parts, func(part share.Share) bool {
		t, ok := part.(interface{ TellsStamps() bool })
		return !ok || !t.TellsStamps()
	})
}

// Successor implements share.Share: one that has the successors of those shares that have any.
func (s *Share) Successor(ctx context.Context) (share.Share, error) {
	next := &Share{names: s.names, parts: slices.Clone(s.parts),
		fresh: make([]bool, len(s.parts))}
	var failed error
	for i, part := range s.parts {
		successor, err := part.Successor(ctx)
		if err != nil { // the others can be followed all the same
			failed = cmp.Or(failed, err)
		}
		if successor != nil {
			next.parts[i], next.fresh[i] = successor, true
		}
	}
	if slices.Contains(next.fresh, true) {
		return next, nil
	}
	return nil, failed
}

// Become implements share.Share.
func (s *Share) Become(next share.Share) {
	n, ok := next.(*Share)
	if !ok {
		return
	}
	for i, part := range s.parts {
		if n.fresh[i] {
			part.Become(n.parts[i])
		}
	}
}

// Waiting implements share.Share: that of the share which is waited for longest.
func (s *Share) Waiting() (longest time.Duration) {
	for _, part := range s.parts {
		longest = max(longest, part.Waiting())
	}
	return longest
}

// String implements share.Share.
func (s *Share) String() string {
	var all []string
	for _, part := range s.parts {
		all = append(all, part.String())
	}
	return strings.Join(all, " and ")
}

// Close implements share.Share. Of a successor it closes what is new.
func (s *Share) Close() error {
	var all []error
	for i, part := range s.parts {
		if s.fresh == nil || s.fresh[i] {
			all = append(all, part.Close())
		}
	}
	return errors.Join(all...)
}
