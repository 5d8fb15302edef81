package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// console is how a command talks to people and scripts: results go to out; messages, questions and
// progress to err.
type console struct {
	out, err io.Writer
	json     bool   // results are JSON
	yes      bool   // nothing is asked
	progress string // auto, json or none
}

func consoleOf(c *cli.Context) console {
	return console{out: c.App.Writer, err: c.App.ErrWriter, json: c.Bool("json"), yes: c.Bool("yes"), progress: c.String("progress")}
}

// ask has the operator say yes, here or with --yes. If they do not, the error contains not
// ("nothing was written"). Without a terminal it also says for what --yes is needed ("to write to
// /dev/vdb").
func (o console) ask(ctx context.Context, question, not, yes string) error {
	if o.yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usagef("%s: nobody can be asked here, say --yes %s", not, yes)
	}
	fmt.Fprintf(o.err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // a read of a terminal cannot be interrupted
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return errors.New("not confirmed, " + not)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", not, ctx.Err())
	}
}
