package device

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Ceph maps the RBD image of a volume to a device of this machine, with the
// program rbd. That finds cluster and user itself, by ceph.conf and CEPH_ARGS.
type Ceph struct {
	Pool string
	Wait time.Duration // bounds each call of rbd; 0: 70 s
}

// String implements Finder.
func (c *Ceph) String() string { return "rbd map " + c.image("{id}") }

// image is the name that Cinder's RBD driver gives a volume.
func (c *Ceph) image(id string) string { return c.Pool + "/volume-" + id }

// Check implements Finder.
func (c *Ceph) Check(context.Context) error {
	if _, err := exec.LookPath("rbd"); err != nil {
		return fmt.Errorf("the program rbd is needed to map the volume: install ceph-common (%w)",
			err)
	}
	return nil
}

// Find implements Finder.
func (c *Ceph) Find(ctx context.Context, v Sought) (*Device, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	image := c.image(v.ID)
	if err := c.unused(ctx, v); err != nil {
		return nil, err
	}
	out, err := c.rbd(ctx, "map", image)
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			// rbd was stopped, possibly after it had made the device.
			if _, left := c.rbd(context.WithoutCancel(ctx), "unmap", image); left == nil {
				return nil, fmt.Errorf("%w; it was unmapped", err)
			}
		}
		return nil, err
	}
	path := strings.TrimSpace(string(out))
	if !strings.HasPrefix(path, "/dev/") || strings.ContainsFunc(path, unicode.IsSpace) {
		return nil, fmt.Errorf("rbd map %s named no device, but said %q: rbd showmapped tells "+
			"whether there is one", image, shortened(path))
	}
	release := func(ctx context.Context) error {
		if _, err := c.rbd(ctx, "unmap", path); err != nil {
			return fmt.Errorf("%s is still mapped, unmap it with: rbd unmap %s: %w",
				image, path, err)
		}
		return nil
	}
	d, ok, err := await(ctx, c.wait(), func() (*Device, bool, error) {
		if _, ok, err := one(path, v); !ok || err != nil {
			return nil, false, err
		}
		d, err := look(path, v)
		return d, err == nil, err
	})
	if err == nil && !ok {
		err = &NotFoundError{Volume: v.ID, Where: path, After: c.wait(),
			Hint: "rbd map made it, but it does not show: does udev run here?"}
	}
	if err != nil {
		return nil, errors.Join(err, release(context.WithoutCancel(ctx)))
	}
	d.Lasting, d.release = false, release
	return d, nil
}

// unused waits until the image is not open anywhere: a virtual machine may use
// it through librbd, unseen by this machine's kernel. Cinder itself opens
// images for a moment; the watch of a dead client lasts 30 s.
func (c *Ceph) unused(ctx context.Context, v Sought) error {
	image := c.image(v.ID)
	var users string
	_, ok, err := await(ctx, c.wait(), func() (struct{}, bool, error) {
		out, err := c.rbd(ctx, "status", "--format", "json", image)
		if err != nil {
			return struct{}{}, false, err
		}
		var status struct {
			Watchers []struct{ Address string }
		}
		if err := json.Unmarshal(out, &status); err != nil {
			return struct{}{}, false, fmt.Errorf(
				"rbd status %s: its output cannot be understood: %w", image, err)
		}
		var addresses []string
		for _, w := range status.Watchers {
			addresses = append(addresses, w.Address)
		}
		users = shortened(strings.Join(addresses, ", "))
		return struct{}{}, len(addresses) == 0, nil
	})
	if err == nil && !ok {
		err = &WrongError{Volume: v.ID, Path: image, Reason: "it is open elsewhere, by " + users +
			": is it in use? (rbd status " + image + ")"}
	}
	return err
}

func (c *Ceph) wait() time.Duration {
	if c.Wait == 0 {
		return defaultWait
	}
	return c.Wait
}

// rbd runs the program. Signals from the terminal do not reach it; when ctx
// ends it gets SIGTERM, and 5 s later it is killed.
func (c *Ceph) rbd(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.wait())
	defer cancel()
	cmd := exec.CommandContext(ctx, "rbd", args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	what := "rbd " + strings.Join(args, " ")
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return nil, fmt.Errorf("%s: %w: %s", what, err, shortened(errOut.String()))
}

// shortened makes the output of a program fit for a message.
func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 600 {
		return strings.ToValidUTF8(s[:600], "") + "..."
	}
	return s
}
