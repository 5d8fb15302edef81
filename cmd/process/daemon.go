package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/restorefs/restorefs/cmd/exitcode"
)

// ReadyEnv is the variable in which a server in the background gets the descriptor of the pipe on
// which it reports that its mount can be used.
const ReadyEnv = "RESTOREFS_READY_FD"

const readyWord = "ready\n"

// IsServer reports whether this process was started by [Daemonize], and has not reported yet.
func IsServer() bool { return os.Getenv(ReadyEnv) != "" }

// Inherited is an open file that a server in the background gets, and the environment variable that
// tells it the number of its descriptor.
type Inherited struct {
	Env  string
	File *os.File
}

// Daemonize runs this same command in the background, because Go cannot fork, and returns when the
// mount can be used. Until then the server's messages go to our stderr; if it fails, its exit code
// is ours. The server gets the files in more.
func Daemonize(ctx context.Context, more ...Inherited) error {
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
	server.Env = append(os.Environ(), ReadyEnv+"=3")
	server.ExtraFiles = []*os.File{theirs}
	for _, f := range more {
		server.ExtraFiles = append(server.ExtraFiles, f.File)
		server.Env = append(server.Env, fmt.Sprintf("%s=%d", f.Env, 2+len(server.ExtraFiles)))
	}
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
		return fmt.Errorf("the server in the background ended before the mount could be used: %w",
			err)
	}
	return errors.New("the mount was taken down before it could be used")
}
