package fusefs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Servers returns the ids of the processes that serve a mount, as far as this
// process may look into them; a dead mount has none. It needs a kernel that
// names the connection in the fdinfo of /dev/fuse (6.18 does); on others it
// finds none.
func (m MountInfo) Servers() []int {
	minor, ok := strings.CutPrefix(m.Device, "0:")
	if !ok {
		return nil
	}
	var pids []int
	processes(func(pid int, dir string) {
		if serves(dir, minor) {
			pids = append(pids, pid)
		}
	})
	return pids
}

// serves says whether a process has the FUSE connection open. A connection's
// number is the minor of the file system's device.
func serves(dir, minor string) bool {
	fds, _ := filepath.Glob(dir + "/fd/*")
	for _, fd := range fds {
		if path, err := os.Readlink(fd); err != nil || path != devFuse {
			continue
		}
		info, err := os.ReadFile(filepath.Join(dir, "fdinfo", filepath.Base(fd)))
		if err == nil && strings.Contains("\n"+string(info), "\nfuse_connection:\t"+minor+"\n") {
			return true
		}
	}
	return false
}

// closeOnExec keeps the connections of this process from the programs that it starts: one that had
// such a descriptor would serve the mount in the eyes of the kernel, and readers would wait for its
// answers instead of failing after this process has ended.
func closeOnExec() error {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range fds {
		path, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil || path != devFuse {
			continue
		}
		if fd, err := strconv.Atoi(entry.Name()); err == nil {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// serverProcess is a process that serves a mount, held by a pidfd so that it
// is not mistaken for a later one with the same number.
type serverProcess struct {
	pid   int
	pidfd int
	minor string
}

func findServers(m *MountInfo) []serverProcess {
	var found []serverProcess
	for _, pid := range m.Servers() {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			found = append(found, serverProcess{pid, fd, strings.TrimPrefix(m.Device, "0:")})
		}
	}
	return found
}

func (s serverProcess) close() { unix.Close(s.pidfd) }

// wait waits until the process has closed the connection or, with exit, has
// ended. It logs why it waits if that takes long.
func (s serverProcess) wait(ctx context.Context, exit bool, log *slog.Logger) error {
	const poll = 20 * time.Millisecond
	tell := time.Now().Add(tellAfter)
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(s.pidfd), Events: unix.POLLIN}},
			int(poll.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process %d: %w", s.pid, err)
		}
		if ready > 0 || (!exit && !serves("/proc/"+strconv.Itoa(s.pid), s.minor)) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", s.unfinished(), err)
		}
		if log != nil && !tell.IsZero() && time.Now().After(tell) {
			log.Warn("waiting: " + s.unfinished())
			tell = time.Time{}
		}
	}
}

// tellAfter is how long the end of a mount may take before the reason is
// logged.
const tellAfter = 2 * time.Second

// unfinished says why a process still serves a mount that has been unmounted.
func (s serverProcess) unfinished() string {
	why := ""
	if serves("/proc/"+strconv.Itoa(s.pid), s.minor) {
		why = "; it is still in use, " + keptBy("0:"+s.minor)
	}
	return fmt.Sprintf("unmounted, but the process that served it (%d) has not finished%s", s.pid,
		why)
}
