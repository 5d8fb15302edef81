package fusefs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// The kernel announces every interruption of a caller who waits: any signal,
// also one that a handler takes and after which read(2) would be restarted, and
// wake-ups that are no signal at all, as io_uring has them. It says so once, and
// not what it was. A program that gets EINTR from open(2) or from a read of a
// regular file hardly ever expects it: qemu gives up, a mapping gets SIGBUS. So
// a request goes on until somebody really wants the caller to end, as local file
// systems do, and unlike those also for signals that ask it to.

// endSignals are those by which somebody wants a program to end. All that are
// fatal to it become a SIGKILL.
const endSignals = 1<<(syscall.SIGKILL-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGTERM-1) | 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGQUIT-1)

const (
	// endPoll is how often a caller who was interrupted is looked at.
	endPoll = 50 * time.Millisecond

	// lookPoll is how often one is looked at who was not: of asynchronous direct
	// I/O, that of a plain O_DIRECT read included, the kernel announces nothing.
	lookPoll = 500 * time.Millisecond
)

// request is the context of one request of the kernel. It ends when its caller
// is to end. Nothing is watched, and no goroutine exists, before Done is called.
type request struct {
	context.Context // go-fuse's, which ends at any interruption

	mu    sync.Mutex
	done  chan struct{} // nil until somebody wants it
	over  chan struct{} // closed when the request has been answered
	ended bool          // done is closed
	gone  bool          // over is closed, or would be
}

// patient returns the context for a request, and what must be called when it
// has been answered.
func patient(ctx context.Context) (context.Context, func()) {
	r := &request{Context: ctx}
	return r, r.answered
}

func (r *request) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	if r.over != nil {
		close(r.over)
	}
}

// Done implements context.Context.
func (r *request) Done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done = make(chan struct{})
		if !r.gone {
			r.over = make(chan struct{})
			go r.watch(r.over)
		}
	}
	return r.done
}

// Err implements context.Context.
func (r *request) Err() error {
	if r.Context.Err() != nil {
		r.Done() // from now on it must be watched
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return context.Canceled
	}
	return nil
}

// watch ends r when its caller was interrupted and is to end.
func (r *request) watch(over <-chan struct{}) {
	caller, ok := fuse.FromContext(r.Context)
	look := time.NewTicker(lookPoll)
	defer look.Stop()
	for waiting := true; waiting; {
		select {
		case <-r.Context.Done():
			waiting = false
		case <-look.C:
			asked, known := askedToEnd(caller.Pid)
			waiting = !ok || !known || !asked // one that is not known may be well, elsewhere
		case <-over:
			return
		}
	}
	for ok && !wantedToEnd(caller.Pid) && !aborted() {
		select {
		case <-time.After(endPoll):
		case <-over:
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	close(r.done)
}

// wantedToEnd says whether a thread that was interrupted is to end. One that
// cannot be looked at is taken to be gone: it may be one of another PID
// namespace, and nobody would ever end its wait.
func wantedToEnd(tid uint32) bool {
	asked, known := askedToEnd(tid)
	return asked || !known
}

// askedToEnd says whether a thread has a signal pending that asks it to end, and
// does not block it.
func askedToEnd(tid uint32) (asked, known bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return false, false
	}
	// See proc_pid_status(5).
	pending := signalMask(text, "SigPnd") | signalMask(text, "ShdPnd")
	return pending&endSignals&^signalMask(text, "SigBlk") != 0, true
}

// aborted says whether a mount that this process serves was taken away by force:
// go-fuse then cancels all its requests, for nobody waits for them any more, in
// the same way. It does not give its file away, so all are looked at.
func aborted() bool {
	const dir = "/proc/self/fd"
	names, err := os.ReadDir(dir)
	if err != nil {
		return true
	}
	var devices []unix.PollFd
	for _, n := range names {
		if to, err := os.Readlink(filepath.Join(dir, n.Name())); err == nil && to == "/dev/fuse" {
			if fd, err := strconv.ParseInt(n.Name(), 10, 32); err == nil {
				devices = append(devices, unix.PollFd{Fd: int32(fd)})
			}
		}
	}
	if _, err := unix.Poll(devices, 0); err != nil {
		return false // EINTR: next time
	}
	return slices.ContainsFunc(devices, func(d unix.PollFd) bool { return d.Revents&(unix.POLLERR|unix.POLLNVAL) != 0 })
}

func signalMask(status []byte, name string) uint64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	mask, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 64)
	if err != nil {
		return 0
	}
	return mask
}
