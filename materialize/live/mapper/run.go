package mapper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ErrNone: this machine, container or user cannot use the device mapper.
var ErrNone = errors.New("there is no device mapper to use")

// commandTime bounds a command: each of them is over in a moment, unless what it waits for hangs.
const commandTime = 2 * time.Minute

// run runs a command to its end and returns what it wrote. The context of the caller does not end
// it: half of a change of a table is worse than one that was not wanted any more.
func run(ctx context.Context, stdin string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &said
	// Ctrl-C is for this process, which then takes everything down in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err,
			strings.Join(strings.Fields(said.String()), " "))
	}
	return strings.TrimSpace(out.String()), nil
}

// Check says whether the device mapper and loop devices can be used.
func Check(ctx context.Context) error {
	for program, from := range map[string]string{"dmsetup": "dmsetup", "losetup": "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: the program %s (Debian: %s): %w", ErrNone, program, from, err)
		}
	}
	// A kernel whose device mapper is a module loads it when its control node is opened.
	if _, err := run(ctx, "", "dmsetup", "version"); err != nil {
		return fmt.Errorf("%w: it takes root and a kernel with dm-mod: %w", ErrNone, err)
	}
	return nil
}
