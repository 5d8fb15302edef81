package fusefs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
	"github.com/restorefs/restorefs/fusefs"
)

// shelf is a catalogue of one backup, whose disk is a text.
type shelf string

func (s shelf) Backups(context.Context) ([]fusefs.Backup, error) {
	return []fusefs.Backup{{ID: "one", VolumeID: "v", Size: int64(len(s))}}, nil
}
func (s shelf) Open(context.Context, string) (fusefs.Disk, error)       { return text(s), nil }
func (s shelf) Peek(context.Context, string) (fusefs.Disk, error)       { return text(s), nil }
func (s shelf) Digests(context.Context, string) (fusefs.Digests, error) { return nil, nil }
func (s shelf) Metadata(context.Context, string) ([]byte, error)        { return []byte("{}"), nil }
func (s shelf) Written(string) bool                                     { return false }

// text is the disk, and what is read of it.
type text string

func (d text) Size() int64 { return int64(len(d)) }
func (d text) Read(_ context.Context, off int64, n int) (fusefs.Data, error) {
	return d[off : off+int64(n)], nil
}
func (d text) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}
func (d text) Close() error     { return nil }
func (d text) Slices() [][]byte { return [][]byte{[]byte(d)} }
func (d text) Release()         {}

// serveUntil mounts a catalogue until it is unmounted or ctx ends, and then gives readers ten
// seconds to finish. It calls mounted when the mount can be used. This process must not use the
// mount itself.
func serveUntil(ctx context.Context, catalog fusefs.Catalog, mountpoint string, mounted func()) error {
	server, err := fusefs.Mount(ctx, mountpoint, catalog, fusefs.Options{
		Avoid:  []string{"/srv/share", "/var/cache/restorefs"},
		Logger: slog.Default(),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err := server.Unmount(patience, fusefs.UnmountOptions{Logger: slog.Default()})
		if busy := (*fusefs.BusyError)(nil); errors.As(err, &busy) {
			slog.Warn("detached while in use", "holders", busy.Holders)
			err = server.Unmount(context.Background(), fusefs.UnmountOptions{Lazy: true})
		}
		ended <- err
	})
	mounted()
	server.Wait()
	if stop() { // something else has unmounted it
		return nil
	}
	return <-ended
}

// A catalogue is mounted until Ctrl-C. The tests run the function that does it, in a directory of
// their own.
func ExampleMount() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := serveUntil(ctx, shelf("the bytes of a disk"), "/mnt/backups", func() { fmt.Println("mounted") })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func TestTheExampleMountsACatalogue(t *testing.T) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		need.Missing(t, "the example of a mount needs /dev/fuse: %v", err)
	} else {
		f.Close()
	}
	if os.Geteuid() != 0 {
		need.Missing(t, "needs root, to mount")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	mountpoint, disk := t.TempDir(), shelf("the bytes of a disk")
	mounted := false
	err := serveUntil(ctx, disk, mountpoint, func() {
		mounted = true
		defer cancel()
		got, err := exec.Command("cat", filepath.Join(mountpoint, "backups/one/volume.raw")).Output()
		if err != nil || string(got) != string(disk) {
			t.Errorf("the disk holds %q, not %q (%v)", got, disk, err)
		}
	})
	if err != nil || !mounted {
		t.Errorf("mounted: %v, %v", mounted, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), mountpoint) {
		t.Errorf("the mount is left: %v", err)
	}
}
