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

// The kernel announces every interruption of a waiting caller: any signal, even
// one with a handler that would restart read(2), and wake-ups that are no
// signal at all, as of io_uring. It does so once, and does not say what it was.
// Hardly any program expects EINTR from open(2) or from a read of a regular
// file: qemu gives up, a mapping gets SIGBUS. So a request goes on, as on local
// file systems, until the caller is killed and, unlike there, also until a
// signal asks the caller to end.

// endSignals are the signals that tell a program to end. The kernel turns those
// that will be fatal into a SIGKILL.
const endSignals = 1<<(syscall.SIGKILL-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGTERM-1) |
	1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGQUIT-1)

const (
	// endPoll is the interval at which an interrupted caller is looked at.
	endPoll = 50 * time.Millisecond

	// lookPoll is the interval for callers that were not interrupted: for
	// asynchronous direct I/O, plain O_DIRECT reads included, the kernel
	// announces no interruption.
	lookPoll = 500 * time.Millisecond
)

// request is the context of one request of the kernel. It is cancelled when its
// caller has been told to end. Before Done is called nothing is watched and
// there is no goroutine.
type request struct {
	context.Context // go-fuse's, which ends at any interruption

	mu    sync.Mutex
	done  chan struct{} // nil until Done is called
	over  chan struct{} // closed when the request has been answered
	ended bool          // done is closed
	gone  bool          // the request has been answered: over is closed or nil
}

// patient returns the context for a request, and a function that must be called
// when the request has been answered.
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
		r.Done() // starts to watch the caller
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return context.Canceled
	}
	return nil
}

// watch cancels r when its caller has been told to end.
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
			// an unknown caller may be alive in another PID namespace
			waiting = !ok || !known || !asked
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

// wantedToEnd says whether an interrupted thread has been told to end. A thread
// that cannot be looked at counts as one: if it is in another PID namespace,
// nothing else would end its wait.
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

// aborted says whether the connection of a mount that this process serves was
// aborted. go-fuse then cancels all its requests in the same way as for an
// interrupt. As go-fuse does not give its descriptor away, all descriptors of
// /dev/fuse are looked at.
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
		return false // EINTR: the next poll will tell
	}
	return slices.ContainsFunc(devices,
		func(d unix.PollFd) bool { return d.Revents&(unix.POLLERR|unix.POLLNVAL) != 0 })
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
