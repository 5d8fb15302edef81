package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

// live is a mount that can be used until it is unmounted.
type live struct {
	o      Options
	server *fusefs.Server
	disks  *serve.Disks
	n      *process.Notifier
	hup    <-chan os.Signal
	closes bool          // with the terminal
	gone   chan struct{} // closed when the mount has ended
}

// keep keeps the mount until it is unmounted, by this process or another, or until the command of
// --run has ended.
func (m *live) keep(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	refresh := make(chan struct{}, 1)
	go func() {
		defer close(ended)
		m.disks.Run(running, m.o.Refresh, refresh)
	}()
	go func() {
		defer close(m.gone)
		m.server.Wait()
	}()
	defer func() { stop(); <-ended }()
	if m.o.RunCommand != "" {
		return m.runCommand(ctx)
	}
	at := m.server.Mountpoint()
	fmt.Fprintf(m.o.Err, "mounted on %s; %s\n", at, m.n.Ending(at))
	if err := m.n.Ready("mounted on " + at); err != nil {
		return errors.Join(err, m.takeDown(ctx))
	}
	return m.wait(ctx, refresh)
}

// runCommand runs the command of --run, whose exit code is ours.
func (m *live) runCommand(ctx context.Context) error {
	ended, err := process.RunCommand(ctx, m.o.RunCommand, m.server.Mountpoint())
	if err == nil {
		err = <-ended
	}
	end := m.takeDown(ctx)
	if end != nil && err != nil {
		fmt.Fprintln(m.o.Err, "restorefs:", exitcode.Explain(end)) // the exit code is the command's
		return err
	}
	return errors.Join(err, end)
}

// wait returns when the mount has ended, and has the share looked at on SIGHUP.
func (m *live) wait(ctx context.Context, refresh chan<- struct{}) error {
	var idle <-chan time.Time
	if limit := m.o.Idle; limit > 0 {
		m.disks.Used() // idle time counts from now on
		tick := time.NewTicker(max(limit/4, 10*time.Millisecond))
		defer tick.Stop()
		idle = tick.C
	}
	for {
		select {
		case <-m.gone:
			return nil
		case <-m.hup:
			if m.closes && !console.HasTerminal() {
				m.n.TerminalClosed()
				fmt.Fprintf(m.o.Err, "unmounting %s: its terminal was closed\n",
					m.server.Mountpoint())
				return m.takeDown(ctx)
			}
			if err := m.n.ReopenLog(); err != nil {
				m.o.Source.Logger.Warn("the log file stays as it was", "err", err)
			}
			select {
			case refresh <- struct{}{}:
			default: // one is pending already
			}
		case <-idle:
			if m.disks.Idle() >= m.o.Idle && m.takeDownIdle(ctx) {
				fmt.Fprintf(m.o.Err, "unmounted %s: nobody used it for %v\n", m.server.Mountpoint(),
					m.o.Idle)
				return nil
			}
		case <-ctx.Done():
			return m.takeDown(ctx)
		}
	}
}

// takeDownIdle unmounts unless the mount is in use after all, for example as a working directory.
func (m *live) takeDownIdle(ctx context.Context) bool {
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	err := m.server.Unmount(soon, fusefs.UnmountOptions{})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) { // else unmounted, not yet ended
		return false
	}
	select {
	case <-m.gone:
		return true
	case <-ctx.Done():
		return false
	}
}

// takeDown unmounts after a signal. A mount that is in use is unmounted lazily: open files keep it
// until they are closed.
func (m *live) takeDown(ctx context.Context) error {
	if err := process.NotifySystemd("STOPPING=1"); err != nil {
		m.o.Source.Logger.Warn("cannot tell that the mount ends", "err", err)
	}
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := m.server.Unmount(soon, fusefs.UnmountOptions{Logger: m.o.Source.Logger}); err != nil {
		one := "a second signal"
		if ctx.Err() == nil {
			one = "a signal"
			// Before it is said: the signal may come at once.
			defer context.AfterFunc(ctx, process.EndAtOnce)()
		}
		fmt.Fprintf(m.o.Err, "%v; waiting until it is no longer used, %s ends it at once\n", err,
			one)
		how := fusefs.UnmountOptions{Lazy: true, Logger: m.o.Source.Logger}
		if err := m.server.Unmount(context.WithoutCancel(ctx), how); err != nil {
			return err
		}
	}
	<-m.gone
	return nil
}
