package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// Console is how a command talks to people and scripts: results go to Out; messages, questions and
// progress to Err.
type Console struct {
	Out, Err io.Writer
	JSON     bool   // results are JSON
	Yes      bool   // nothing is asked
	Progress string // auto, json or none
}

// CanAsk returns the error of Ask where there is neither somebody to ask nor --yes, so that it can
// be told before what takes long.
func (o Console) CanAsk(not, yes string) error {
	if o.Yes || term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return cmdline.Usagef("%s: nobody can be asked here, say --yes %s", not, yes)
}

// Ask has the operator say yes, here or with --yes. If they do not, the error contains not
// ("nothing was written"). Without a terminal it also says for what --yes is needed ("to write to
// /dev/vdb").
func (o Console) Ask(ctx context.Context, question, not, yes string) error {
	if o.Yes {
		return nil
	}
	if err := o.CanAsk(not, yes); err != nil {
		return err
	}
	fmt.Fprintf(o.Err, "%s [y/N] ", question)
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
