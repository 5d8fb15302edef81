package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The idle class of ioprio_set(2); linux/ioprio.h.
const (
	ioprioWhoProcess = 1
	ioprioIdle       = 3 << 13
)

// GiveWay gives the process the lowest priority. The kernel keeps priorities per thread, and new
// threads inherit them, so all threads are changed until there are no new ones.
func GiveWay() error {
	done := map[int]bool{}
	for again := true; again; {
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("--nice-io: %w", err)
		}
		for _, t := range tasks {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			done[id], again = true, true
			if err := giveWayOne(id); err != nil && !errors.Is(err, unix.ESRCH) { // ended
				return fmt.Errorf("--nice-io: %w", err)
			}
		}
	}
	return nil
}

func giveWayOne(thread int) error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, thread, 19); err != nil {
		return err
	}
	if _, _, e := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(thread),
		ioprioIdle); e != 0 {
		return e
	}
	return nil
}
