package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// readyEnv is the variable in which a server in the background gets the descriptor of the pipe on
// which it reports that its mount can be used.
const readyEnv = "RESTOREFS_READY_FD"

const readyWord = "ready\n"

// daemonize runs this same command in the background, because Go cannot fork, and returns when the
// mount can be used. Until then the server's messages go to our stderr; if it fails, its exit code
// is ours.
func daemonize(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program to start it in the background: %w", err)
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	server := exec.Command(self)
	server.Args = os.Args
	server.Env = append(os.Environ(), readyEnv+"=3")
	server.ExtraFiles = []*os.File{theirs}
	server.Stderr = os.Stderr
	// The server stays in our session until it is ready: an automounter that started us lets only
	// its own process group access the mountpoint.
	err = server.Start()
	theirs.Close()
	if err != nil {
		return fmt.Errorf("start the server in the background: %w", err)
	}
	defer context.AfterFunc(ctx, func() { server.Process.Signal(syscall.SIGTERM) })()
	if word, _ := io.ReadAll(ready); string(word) == readyWord {
		return server.Process.Release()
	}
	err = server.Wait()
	switch code := server.ProcessState.ExitCode(); {
	case code > 0:
		return exitcode.Status(code)
	case err != nil:
		return fmt.Errorf("the server in the background ended before the mount could be used: %w", err)
	}
	return errors.New("the mount was taken down before it could be used")
}

// notifier reports that the mount can be used. The zero value is that of a server in the
// foreground.
type notifier struct {
	pipe *os.File // to the process that started us in the background; nil: in the foreground
	log  string   // the file that stderr goes to, "": unchanged
}

// newNotifier takes over the pipe from daemonize. log is a file for stderr, "" for none.
func newNotifier(log string) *notifier {
	n := &notifier{log: log}
	if fd, err := strconv.Atoi(os.Getenv(readyEnv)); err == nil {
		os.Unsetenv(readyEnv)
		unix.CloseOnExec(fd)
		n.pipe = os.NewFile(uintptr(fd), "ready")
	}
	return n
}

// isServer reports whether this process was started by daemonize.
func isServer() bool { return os.Getenv(readyEnv) != "" }

// checkLog opens the log file for a moment, so that errors are reported while there is still a
// terminal.
func (n *notifier) checkLog(ctx context.Context, s *locate.Share) error {
	if n.log == "" {
		return nil
	}
	if err := outsideShare(ctx, s, n.log); err != nil {
		return fmt.Errorf("--log-file: %w", err)
	}
	f, err := openLog(n.log)
	if err != nil {
		return err
	}
	return f.Close()
}

// ending returns how the mount can be ended, in words.
func (n *notifier) ending(mountpoint string) string {
	if n.pipe != nil || os.Getenv(notifySocket) != "" { // no keys are pressed there
		return fmt.Sprintf("\"restorefs unmount %s\" ends it", mountpoint)
	}
	return fmt.Sprintf("Ctrl-C or \"restorefs unmount %s\" ends it", mountpoint)
}

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, 0o600)
	if errors.Is(err, unix.ENXIO) {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	if err := isLog(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	return f, nil
}

// isLog refuses a file to which messages must not be appended: a pipe, which may have no reader, or
// a file that is not text, such as a disk. It changes nothing in the file.
func isLog(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Mode()&os.ModeCharDevice != 0: // a terminal, or /dev/null
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", f.Name())
	}
	old, err := os.OpenFile(f.Name(), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // it may be for writing only
	}
	defer old.Close()
	p := make([]byte, 4096)
	for _, off := range []int64{0, max(0, info.Size()-int64(len(p)))} {
		n, _ := old.ReadAt(p, off)
		if bytes.IndexByte(p[:n], 0) >= 0 {
			return fmt.Errorf("%s is there and no text: it is not appended to; name another file", f.Name())
		}
	}
	return nil
}

// ready leaves the session, the terminal and the directory if we are in the background, and reports
// that the mount can be used. An error may mean that the process that started us is gone.
func (n *notifier) ready(status string) error {
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
	if err := n.reopenLog(); err != nil {
		return err
	}
	if err := sdNotify("READY=1\nSTATUS=" + status); err != nil {
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

// terminalClosed redirects messages from a terminal that is gone to the journal.
func (n *notifier) terminalClosed() {
	if n.log == "" {
		logToJournal()
	}
}

// reopenLog opens the log file anew as stderr, because it may have been moved away.
func (n *notifier) reopenLog() error {
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

// notifySocket is the variable that names the socket on which systemd wants to be notified; see
// sd_notify(3).
const notifySocket = "NOTIFY_SOCKET"

// sdNotify notifies systemd if it wants that.
func sdNotify(state string) error {
	path := os.Getenv(notifySocket)
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
