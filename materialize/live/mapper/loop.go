package mapper

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Attach shows a file as a loop device, and returns its path. Reads and writes of it bypass the
// kernel's cache of the file where the kernel can do that: each is the file's own, and its error
// too.
func Attach(ctx context.Context, file string, sectorBytes int64) (string, error) {
	args := []string{"--find", "--show"}
	if sectorBytes > 512 {
		args = append(args, "--sector-size", strconv.FormatInt(sectorBytes, 10))
	}
	dev, err := run(ctx, "", "losetup", append(args, "--direct-io=on", file)...)
	if err != nil {
		var again error
		if dev, again = run(ctx, "", "losetup", append(args, file)...); again != nil {
			return "", err
		}
	}
	if !strings.HasPrefix(dev, "/dev/loop") {
		return "", fmt.Errorf("losetup answered %q, no loop device", dev)
	}
	return dev, nil
}

// Detach detaches a loop device: at once, or as soon as nobody uses it.
func Detach(ctx context.Context, dev string) error {
	_, err := run(ctx, "", "losetup", "--detach", dev)
	return err
}

// DetachLeft detaches the loop devices that a process which was killed left on a file. The file is
// known by its path as the kernel tells it, for it may be below a mount that nobody serves.
func DetachLeft(ctx context.Context, file string) error {
	found, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return err
	}
	for _, at := range found {
		path, err := os.ReadFile(at)
		if err != nil || strings.TrimSpace(string(path)) != file {
			continue
		}
		dev := "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(at)))
		if err := Detach(ctx, dev); err != nil {
			return err
		}
	}
	return nil
}
