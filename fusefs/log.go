package fusefs

import (
	stdlog "log"
	"log/slog"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// unwanted is how go-fuse's line begins when the kernel refuses an answer
// because the request no longer exists (ENOENT of fuse_dev_do_write in
// fs/fuse/dev.c): it was interrupted, or the process that made it was killed.
var unwanted = "writer: Write/Writev failed, err: " + fuse.Status(syscall.ENOENT).String() +
	". opcode: "

// requestLog returns a log for go-fuse. Its lines become warnings, except for
// those that say that a reader has gone.
func requestLog(log *slog.Logger) *stdlog.Logger { return stdlog.New(logLines{log}, "", 0) }

type logLines struct{ log *slog.Logger }

// Write implements io.Writer; log.Logger calls it once for each line.
func (l logLines) Write(p []byte) (int, error) {
	line := strings.TrimSuffix(string(p), "\n")
	if strings.HasPrefix(line, unwanted) {
		l.log.Debug(line)
	} else {
		l.log.Warn(line)
	}
	return len(p), nil
}
