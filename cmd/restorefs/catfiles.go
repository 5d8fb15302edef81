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
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
)

func catCommand() *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "write files inside a backup's disk to stdout",
		ArgsUsage: catUsage,
		Description: backupHelp + "\n" + filesHelp + "\n\n" +
			"On a terminal, what would steer it is replaced.",
		Flags:  filesFlagsOf(memoryToLook),
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
	to := &keptError{w: out}
	for _, path := range r.paths {
		err := r.catOne(ctx, path, to)
		switch {
		case err == nil:
		case len(r.paths) == 1 || to.err != nil || ctx.Err() != nil:
			return err
		default:
			r.failed++
			if r.damaged == nil && files.Damaged(err) {
				r.damaged = err
			}
			fmt.Fprintf(r.Err, "restorefs: %s\n", exitcode.Explain(advised(err)))
		}
	}
	return r.result("all was written")
}

// catOne writes one file.
func (r *filesRun) catOne(ctx context.Context, path string, out io.Writer) error {
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
	return nil
}

// keptError is a writer that remembers its error, which is not one of what is read.
type keptError struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (k *keptError) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
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
