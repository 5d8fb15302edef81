package restore

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// convert fills x.temp with the volume as qcow2, checks it, and leaves it on stable storage.
func (x *conversion) convert(ctx context.Context, compare bool) error {
	temp := x.temp.Name()
	x.stage.Store("converting")
	if err := x.qemu(ctx, "convert", "-p", "-f", "raw", "-O", "qcow2", x.image, temp); err != nil {
		return err
	}
	x.stage.Store("flushing")
	if err := x.temp.Sync(); err != nil {
		return fmt.Errorf("flush the qcow2 file: %w", err)
	}
	x.stage.Store("checking")
	if err := x.qemu(ctx, "check", "-f", "qcow2", temp); err != nil {
		return err
	}
	if compare {
		// Without its pages in the cache the file is read from the disk.
		if err := unix.Fadvise(int(x.temp.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return fmt.Errorf("read the qcow2 file past the page cache: %w", err)
		}
		x.stage.Store("verifying")
		if err := x.qemu(ctx, "compare", "-p", "-f", "raw", "-F", "qcow2", x.image,
			temp); err != nil {
			return err
		}
	}
	x.stage.Store("done")
	return nil
}

// qemu runs qemu-img to its end. If it failed because the backup could not be read, its error wraps
// the reason.
func (x *conversion) qemu(ctx context.Context, args ...string) error {
	x.progress.hundredths.Store(0)
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, x.qemuImg, args...)
	cmd.Stdout, cmd.Stderr = &x.progress, &said
	// Ctrl-C must reach only this process, which then ends qemu-img.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if err == nil || ctx.Err() != nil {
		return err
	}
	what := safetext.Printable(strings.Join(strings.Fields(said.String()), " "))
	if failed := x.source.failure(); failed != nil {
		return fmt.Errorf("qemu-img %s: %w (%s)", args[0], failed, what)
	}
	return fmt.Errorf("qemu-img %s: %w: %s", args[0], err, what)
}

// state returns how far the conversion has got.
func (x *conversion) state() Progress {
	stage := x.stage.Load().(string)
	p := Progress{Stage: stage}
	switch stage {
	case "done":
		p.Total, p.Done = x.size, x.size
	case "converting", "verifying":
		p.Total = x.size
		p.Done = int64(float64(x.size) * float64(x.progress.hundredths.Load()) / 10000)
	}
	return p
}
