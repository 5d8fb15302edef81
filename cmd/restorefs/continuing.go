package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/materialize"
)

// continuing is the command that goes on with a materialize that ended early:
// this one, without the flags of drop, and with more at its end. noted says
// whether the target has a note of it; without one it has to be forced.
func continuing(c *cli.Context, s *locate.Share, noted bool, drop []string, more ...string) string {
	words := []string{"restorefs", "materialize"}
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if name == "share" {
			words = append(words, "--share", s.Place())
			continue
		}
		if !c.IsSet(name) || name == "dry-run" || slices.Contains(drop, name) {
			continue
		}
		switch f.(type) {
		case *cli.BoolFlag:
			words = append(words, "--"+name)
		case salvageFlag:
			words = append(words, "--"+name+"="+salvaging(c))
		default:
			words = append(words, "--"+name, fmt.Sprint(c.Value(name)))
		}
	}
	for _, name := range []string{"delta", "force"} {
		if !noted && !c.Bool(name) {
			words = append(words, "--"+name)
		}
	}
	words = append(words, more...)
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// howToContinue adds to the error of a run the command that goes on with it,
// where that is of use.
func (r *restore) howToContinue(t *materialize.Target, name string, err error) error {
	_, refused := errors.AsType[*materialize.RefusedError](err)
	_, wrong := errors.AsType[*materialize.MismatchError](err)
	if r.saysHow || refused || wrong || errors.Is(err, backupstore.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w\nto continue:  %s", err, continuing(r.c, r.share, t.Note() != "", nil, r.backup.ID, name))
}
