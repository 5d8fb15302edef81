package fusefs

import (
	stdlog "log"
	"log/slog"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// unwanted begins go-fuse's line of an answer that the kernel did not take,
// because the request is no longer there (ENOENT of fuse_dev_do_write in
// fs/fuse/dev.c): it was interrupted, or the process that made it was killed.
var unwanted = "writer: Write/Writev failed, err: " + fuse.Status(syscall.ENOENT).String() + ". opcode: "

// requestLog is go-fuse's log: its lines are warnings, but for those that say
// that a reader has gone.
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
