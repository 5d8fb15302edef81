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
	"runtime"
	"syscall"
	"time"

	_ "github.com/restorefs/restorefs/cmd/restorefs/needs64bit"
)

func init() {
	// Linux hands a signal to the first thread of a process if it can, and to no
	// other one. Would that be reading from a share that does not answer, Ctrl-C
	// and SIGTERM would wait with it: so it is kept for main, which only waits.
	runtime.LockOSThread()
}

func main() {
	behind := os.Getenv(readyEnv) != "" // before it is taken out
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work in an orderly way, a second one at once.
	context.AfterFunc(ctx, func() {
		if behind {
			// Ctrl-C reaches a server on its way to the background from the terminal, and
			// again from the process that started it. That is one.
			time.Sleep(time.Second)
		}
		stop()
	})
	ended := make(chan int)
	go func() { ended <- execute(ctx, os.Args) }()
	os.Exit(<-ended)
}

// execute runs the command that args are and returns its exit code.
func execute(ctx context.Context, args []string) int {
	if os.Getenv("PATH") == "" {
		// mount(8) takes it from its helpers, which look for mount and fusermount3 in it.
		os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	app := newApp()
	out := &checkedWriter{w: os.Stdout}
	app.Writer = out
	args, err := helperArgs(app, args)
	if err == nil && args != nil {
		emptyIsUnset(app)
		if args, err = arrange(app, args); err == nil {
			err = app.RunContext(ctx, args)
		}
	}
	if err == nil {
		err = out.failure()
	}
	var status exitStatus
	if err != nil && !errors.As(err, &status) {
		fmt.Fprintln(os.Stderr, "restorefs:", explain(err))
	}
	return exitCode(err)
}
