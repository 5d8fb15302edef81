package process

import (
	"context"
	"os/signal"
	"syscall"
)

// UntilHangup returns a context that ends with parent, and when the terminal is closed or its
// connection lost (SIGHUP), unless nohup(1) or a shell had that ignored. stop is called when the
// work is done; from then on SIGHUP ends the process at once, as by default.
func UntilHangup(parent context.Context) (ctx context.Context, stop func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return parent, func() {}
	}
	return signal.NotifyContext(parent, syscall.SIGHUP)
}
