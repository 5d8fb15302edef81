// Command restorefs mounts and restores OpenStack Cinder backups straight from
// the share they were written to.
//
// This package owns the command line: flags, wiring of the other packages,
// what people and scripts get to read, exit codes and signals. It decides
// nothing about data. One file a command.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work in an orderly way, a second one at once.
	context.AfterFunc(ctx, stop)
	app := newApp()
	out := &checkedWriter{w: os.Stdout}
	app.Writer = out
	args, err := helperArgs(app, os.Args)
	if err == nil && args != nil {
		err = app.RunContext(ctx, flagsFirst(app, args))
	}
	if err == nil {
		err = out.failure()
	}
	var status exitStatus
	if err != nil && !errors.As(err, &status) {
		fmt.Fprintln(os.Stderr, "restorefs:", explain(err))
	}
	os.Exit(exitCode(err))
}
