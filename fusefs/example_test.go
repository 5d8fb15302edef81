package fusefs_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/restorefs/restorefs/fusefs"
)

var catalog fusefs.Catalog

// Serve until the mount is unmounted or a signal comes, then give readers ten
// seconds to finish. This one is not run: it would need a process to serve and
// another one to read. The example of cmd/serve mounts a share in the tests.
func ExampleMount() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	log := slog.Default()
	server, err := fusefs.Mount(ctx, "/mnt/backups", catalog, fusefs.Options{
		Avoid:  []string{"/srv/share", "/var/cache/restorefs"},
		Logger: log,
	})
	if err != nil {
		log.Error("cannot mount", "error", err)
		return
	}
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err := server.Unmount(patience, fusefs.UnmountOptions{Logger: log})
		if busy := (*fusefs.BusyError)(nil); errors.As(err, &busy) {
			log.Warn("detached while in use", "holders", busy.Holders)
			server.Unmount(context.Background(), fusefs.UnmountOptions{Lazy: true})
		}
	}()
	server.Wait()
}
