package process

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cmd/console"
)

// Notifier reports that a mount can be used. The zero value is that of a server in the foreground.
type Notifier struct {
	pipe *os.File // to the process that started us in the background; nil: in the foreground
	log  string   // the file that stderr goes to, "": unchanged
}

// NewNotifier takes over the pipe from [Daemonize], once in a process.
func NewNotifier() *Notifier {
	n := &Notifier{}
	if fd, err := strconv.Atoi(os.Getenv(ReadyEnv)); err == nil {
		os.Unsetenv(ReadyEnv)
		unix.CloseOnExec(fd)
		n.pipe = os.NewFile(uintptr(fd), "ready")
	}
	return n
}

// InBackground reports whether this process serves in the background.
func (n *Notifier) InBackground() bool { return n.pipe != nil }

// LogTo has stderr go to a file from [Notifier.Ready] on; "" leaves it where it is. A server in the
// background changes its directory, and needs an absolute path. The file is opened here for a
// moment, so that errors are reported while there is still a terminal.
func (n *Notifier) LogTo(path string) error {
	if n.log = path; path == "" {
		return nil
	}
	f, err := openLog(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// Ending returns how the mount can be ended, in words.
func (n *Notifier) Ending(mountpoint string) string {
	if n.pipe != nil || os.Getenv(notifySocket) != "" { // no keys are pressed there
		return fmt.Sprintf("\"restorefs unmount %s\" ends it", mountpoint)
	}
	return fmt.Sprintf("Ctrl-C or \"restorefs unmount %s\" ends it", mountpoint)
}

// Ready leaves the session, the terminal and the directory if we are in the background, and reports
// that the mount can be used. An error may mean that the process that started us is gone.
func (n *Notifier) Ready(status string) error {
	if n.pipe != nil {
		if err := os.Chdir("/"); err != nil {
			return err
		}
		if _, err := unix.Setsid(); err != nil {
			return fmt.Errorf("begin a session of our own: %w", err)
		}
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		for fd := range 3 {
			if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
				return err
			}
		}
		if n.log == "" {
			logToJournal()
		}
	}
	if err := n.ReopenLog(); err != nil {
		return err
	}
	if err := NotifySystemd("READY=1\nSTATUS=" + status); err != nil {
		return err
	}
	if n.pipe != nil { // last: for the waiting process nothing can fail after that
		if _, err := n.pipe.WriteString(readyWord); err != nil {
			return fmt.Errorf("tell that the mount is ready: %w", err)
		}
		n.pipe.Close()
	}
	return nil
}

// TerminalClosed redirects messages from a terminal that is gone to the journal.
func (n *Notifier) TerminalClosed() {
	if n.log == "" {
		logToJournal()
	}
}

// ReopenLog opens the log file anew as stderr, because it may have been moved away.
func (n *Notifier) ReopenLog() error {
	if n.log == "" {
		return nil
	}
	f, err := openLog(n.log)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Dup3(int(f.Fd()), 2, 0)
}

// ClosesWithTerminal reports whether SIGHUP can mean that our terminal was closed: we run in the
// foreground of one, and neither nohup(1) nor a shell had SIGHUP ignored.
func (n *Notifier) ClosesWithTerminal() bool {
	return n.pipe == nil && console.HasTerminal() && !signal.Ignored(syscall.SIGHUP)
}
