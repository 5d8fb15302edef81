package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// RunCommand starts a shell command that uses the mount. The channel gets its end: nil, an
// exitcode.Status, or another error. From then on signals that we get are passed to the command.
func RunCommand(ctx context.Context, command, mountpoint string) (<-chan error, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2)
	if err := ctx.Err(); err != nil { // a signal came before
		signal.Stop(signals)
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Env = append(os.Environ(), "RESTOREFS_MOUNT="+mountpoint)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The terminal sends its signals to our process group. The command stays in that, so that it
	// may read the terminal. Without a terminal it gets a group of its own, so that signals reach
	// all processes that the shell started.
	terminal := console.OwnsTerminal()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !terminal}
	if err := cmd.Start(); err != nil {
		signal.Stop(signals)
		return nil, fmt.Errorf("run the command: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case s := <-signals:
				pid := -cmd.Process.Pid
				if terminal {
					if s == syscall.SIGINT || s == syscall.SIGQUIT {
						continue // the terminal has sent it
					}
					pid = cmd.Process.Pid
				}
				unix.Kill(pid, s.(syscall.Signal))
			}
		}
	}()
	result := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		close(ended)
		signal.Stop(signals)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = exitcode.Status(shellCode(exit))
		}
		result <- err
	}()
	return result, nil
}

// shellCode returns the exit code that a shell would have.
func shellCode(exit *exec.ExitError) int {
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return exit.ExitCode()
}

// EndAtOnce ends the process like a signal that is not caught: programs that still use the mount
// get errors.
func EndAtOnce() {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
}
