package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// ask has the operator say yes, here or with --yes. The error says what has not
// happened otherwise ("nothing was written"), and what --yes would be for where
// nobody can be asked ("to write to /dev/vdb").
func ask(c *cli.Context, question, not, yes string) error {
	if c.Bool("yes") {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usagef("%s: nobody can be asked here, say --yes %s", not, yes)
	}
	fmt.Fprintf(c.App.ErrWriter, "%s [y/N] ", question)
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
	case <-c.Context.Done():
		return fmt.Errorf("%s: %w", not, c.Context.Err())
	}
}
