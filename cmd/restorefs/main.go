// Command restorefs mounts and restores OpenStack Cinder backups straight from the share to which
// they were written.
//
// This package owns the command line: commands, their flags and help; signals and the exit code. A
// command has a file, which turns its flags into the options of a room below cmd and calls that.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/completion"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/process"
	_ "github.com/restorefs/restorefs/cmd/restorefs/needs64bit"
)

func init() {
	// Linux delivers a signal only to the first thread of a process if it can. If that thread were
	// reading from a share that does not answer, Ctrl-C and SIGTERM would wait too, so it is
	// reserved for main, which only waits.
	runtime.LockOSThread()
}

func main() {
	if n := runtime.NumCPU(); runtime.GOMAXPROCS(0) > n {
		// Whoever sets that for another machine wants no more than this one has: decoders on
		// threads that take turns drive each other out of the processors' caches.
		runtime.GOMAXPROCS(n)
	}
	behind := process.IsServer() // before the mount takes over
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work in an orderly way, a second one at once.
	context.AfterFunc(ctx, func() {
		if behind {
			// A server on its way to the background gets Ctrl-C twice: from the terminal, and from
			// the process that started it. These count as one.
			time.Sleep(time.Second)
		}
		stop()
	})
	ended := make(chan int)
	go func() { ended <- execute(ctx, os.Args) }()
	os.Exit(<-ended)
}

// runArranged runs a command line whose words are in order, or writes the help that it asks for.
func runArranged(ctx context.Context, app *cli.App, args []string) error {
	if command, asks := cmdline.AsksHelp(args); asks {
		return book().Write(app.Writer, app, command, false)
	}
	return app.RunContext(ctx, args)
}

// execute runs the command in args and returns its exit code.
func execute(ctx context.Context, args []string) int {
	if os.Getenv("PATH") == "" {
		// mount(8) removes PATH for its helpers, which need it to find mount and fusermount3.
		os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	// What net/http says of servers that are odd is nobody's to act on, and would be between the
	// lines of a table.
	log.SetOutput(io.Discard)
	app := newApp()
	if len(args) > 1 && args[1] == completion.Ask {
		return complete(app, args[2:])
	}
	out := &console.CheckedWriter{W: os.Stdout}
	app.Writer = out
	given := args
	args, err := cmdline.MountHelper(app, args)
	if err == nil && args != nil {
		cmdline.EmptyIsUnset(app)
		if args, err = cmdline.Arrange(app, args); err == nil {
			err = runArranged(ctx, app, args)
		}
	}
	if err == nil {
		err = out.Failure()
	}
	_, said := errors.AsType[exitcode.Status](err)
	switch {
	case err == nil || said:
	case cmdline.WantsJSON(given):
		exitcode.WriteJSON(os.Stderr, err)
	default:
		fmt.Fprintln(os.Stderr, "restorefs:", exitcode.Explain(err))
	}
	return exitcode.Of(err)
}
