package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cmd/filereport"
)

func catCommand() *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "write files inside a backup's disk to stdout",
		ArgsUsage: catUsage,
		Description: backupHelp + "\n" + filesHelp + "\n\n" +
			"On a terminal, what would steer it is replaced.",
		Flags:  filesFlagsOf(),
		Action: runCat,
	}
}

const catUsage = "BACKUP PATH..."

func runCat(c *cli.Context) error {
	return filesOptionsOf(c).run(c.Context, catUsage, 2,
		func(r *filesRun) error { return r.cat(c.Context) })
}

func (r *filesRun) cat(ctx context.Context) error {
	out := r.Out
	if term.IsTerminal(int(os.Stdout.Fd())) {
		screen := &screenWriter{w: out}
		defer screen.flush()
		out = screen
	}
	for _, path := range r.paths {
		n, err := r.find(path, true)
		if err != nil {
			return err
		}
		if n.IsDir() {
			return fmt.Errorf(
				"%s is a directory: \"restorefs ls\" lists it, cp and tar copy it",
				filereport.Name(path),
			)
		}
		r.notes()
		if err := n.WriteTo(ctx, out); err != nil {
			return fmt.Errorf("%s: %w", filereport.Name(path), err)
		}
	}
	return nil
}

// screenWriter writes to a terminal what others wrote: lines and tabs, and nothing else that steers
// it.
type screenWriter struct {
	w    io.Writer
	rest []byte // the begin of a character
}

// Write implements io.Writer.
func (s *screenWriter) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if utf8.RuneStart(text[len(text)-back]) {
			if !utf8.FullRune(text[len(text)-back:]) {
				end = len(text) - back
			}
			break
		}
	}
	s.rest = append([]byte(nil), text[end:]...)
	_, err := io.WriteString(s.w, safeLines(string(text[:end])))
	return len(p), err
}

// flush writes what did not become a character.
func (s *screenWriter) flush() {
	io.WriteString(s.w, safeLines(string(s.rest))) // checkedWriter keeps the error
}

// safeLines is text of which lines and tabs remain.
func safeLines(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		end := strings.IndexAny(text, "\n\t")
		if end < 0 {
			b.WriteString(safetext.Printable(text))
			break
		}
		b.WriteString(safetext.Printable(text[:end]))
		b.WriteByte(text[end])
		text = text[end+1:]
	}
	return b.String()
}
