package lock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld is the error for a file that is locked elsewhere.
var ErrHeld = errors.New("another process has locked it")

// Mode is the kind of a lock.
type Mode int

// An Exclusive lock excludes all others, Shared ones exclude only that.
const (
	Exclusive Mode = unix.LOCK_EX
	Shared    Mode = unix.LOCK_SH
)

const (
	// Forever is for Wait: only the end of its context ends it.
	Forever time.Duration = math.MaxInt64
	// pause is how long Wait leaves between two tries.
	pause = 10 * time.Millisecond
)

// Try locks an open file or directory, or fails with ErrHeld. Other errors are those of flock(2):
// there are file systems without locks.
func Try(f *os.File, m Mode) error {
	for {
		switch err := unix.Flock(int(f.Fd()), int(m)|unix.LOCK_NB); err {
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return ErrHeld
		default:
			return err
		}
	}
}

// Wait is Try until it no longer fails with ErrHeld, or that has lasted for most, or ctx has ended.
func Wait(ctx context.Context, f *os.File, m Mode, most time.Duration) error {
	return Again(ctx, most, func() error { return Try(f, m) })
}

// Again calls try until it no longer fails with ErrHeld, or that has lasted for most, or ctx has
// ended. It is for a lock file that whoever has locked it may remove: then it must be opened anew
// each time.
func Again(ctx context.Context, most time.Duration, try func() error) error {
	for start := time.Now(); ; {
		err := try()
		if !errors.Is(err, ErrHeld) || time.Since(start) > most {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Release gives up the lock of a file that stays open.
func Release(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// TryImage locks all of a file that is open for writing as qemu locks its images, so that neither
// writes to it while the other does. It fails with ErrHeld, or with an error of fcntl(2) where the
// file system has no locks.
func TryImage(f *os.File) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrHeld
	}
	return err
}

// Holder names the process that has locked a file with Try, as far as the kernel tells: " (process
// 123, restorefs)" or "".
func Holder(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return ""
	}
	defer f.Close()
	// 1: FLOCK  ADVISORY  WRITE 123 fd:01:4711 0 EOF
	where := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)),
		st.Ino)
	for lines := bufio.NewScanner(io.LimitReader(f, 1<<20)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 5 && fields[1] == "FLOCK" &&
			fields[5] == where {
			name, _ := os.ReadFile("/proc/" + fields[4] + "/comm")
			return fmt.Sprintf(" (process %s, %s)", fields[4], strings.TrimSpace(string(name)))
		}
	}
	return ""
}
