package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize/live"
	"github.com/restorefs/restorefs/materialize/live/mapper"
)

// complete gives the guest the device itself, and takes all else away.
func (s *session) complete(ctx context.Context) error {
	// The table names the device by its path.
	if err := s.raw.StillThere(); err != nil {
		return err
	}
	if s.dm == nil {
		if err := s.closed(ctx); err != nil {
			return err
		}
		if err := s.release(ctx); err != nil {
			return err
		}
	} else if err := s.swap(ctx); err != nil {
		return err
	}
	return s.handedOver(ctx)
}

// release is the last use of the volume by way of this process.
func (s *session) release(ctx context.Context) error {
	if err := s.v.Release(ctx); err != nil {
		return err
	}
	_, err := s.v.Advance(ctx, live.Proven)
	return err
}

// table is that of the device itself.
func (s *session) table() mapper.Table {
	return mapper.Table{Device: s.target.Path(), Size: s.v.Size(), Errors: s.v.Lost()}
}

// swap exchanges the table while the guest uses the device.
func (s *session) swap(ctx context.Context) error {
	// The device mapper wants to hold the device itself.
	if err := s.raw.Share(); err != nil {
		return err
	}
	err := s.dm.Swap(ctx, s.table(), func() (mapper.Table, error) {
		err := s.release(context.WithoutCancel(ctx))
		s.raw.Forget()
		return s.table(), err
	})
	if err != nil && s.v.Phase() != live.HandingOver {
		return errors.Join(fmt.Errorf("give the guest %s itself: %w", s.target, err), s.raw.Hold())
	}
	return err
}

// closed waits until nobody has the file open, and unmounts it.
func (s *session) closed(ctx context.Context) error {
	told := false
	for {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		err := s.server.Unmount(soon, fusefs.UnmountOptions{})
		cancel()
		if err == nil {
			s.server = nil
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !told {
			fmt.Fprintf(s.o.Err, "%s has all of the volume, but the file is in use: it is waited "+
				"for until it is closed; from then on use %s itself\n", s.target, s.target)
			told = true
		}
		time.Sleep(pollEvery)
	}
}

// handedOver ends a restore whose guest has the device itself, or none.
func (s *session) handedOver(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if s.dm != nil {
		if err := s.onDevice(ctx); err != nil {
			return err
		}
	}
	if err := s.unmount(ctx); err != nil {
		return err
	}
	now := s.v.Progress()
	lost := s.v.Lost()
	phase, err := s.v.Advance(ctx, live.HandedOver)
	if err == nil {
		err = s.v.Close()
	}
	if err == nil && phase == live.Complete {
		err = live.Remove(s.place.state)
	}
	if err != nil {
		return err
	}
	s.ended = true
	now.Phase = phase
	return s.finish(now, lost)
}

// onDevice makes sure that the device of the mapper, if there is one, shows the device itself: a
// process that was killed may have left it waiting.
func (s *session) onDevice(ctx context.Context) error {
	info, there, err := s.dm.Find(ctx)
	if err != nil || !there || s.server != nil && !info.Suspended {
		return err
	}
	if err := s.raw.StillThere(); err != nil {
		return err
	}
	if err := s.raw.Share(); err != nil {
		return err
	}
	return s.dm.Swap(ctx, s.table(), func() (mapper.Table, error) { return s.table(), nil })
}

// unmount takes away the mount, which nobody uses any more, and its directory.
func (s *session) unmount(ctx context.Context) error {
	dir, own := s.mountpoint()
	if s.server != nil {
		// The loop device closes the file behind our backs.
		soon, cancel := context.WithTimeout(ctx, unmountTime)
		defer cancel()
		if err := s.server.Unmount(soon,
			fusefs.UnmountOptions{Lazy: true, Logger: s.o.Source.Logger}); err != nil {
			return err
		}
		s.server.Wait()
		s.server = nil
	}
	if own {
		return clearLeft(ctx, dir)
	}
	return nil
}

const (
	pollEvery   = 300 * time.Millisecond
	unmountTime = 30 * time.Second
)

// takeDown ends a restore before its end, when nobody uses the volume any more. A second signal
// ends the process at once: then the guest's reads and writes fail until --resume.
func (s *session) takeDown(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if s.dm != nil && s.server != nil {
		if err := s.remove(ctx); err != nil {
			return err
		}
	}
	if s.server != nil && s.dm == nil {
		if err := s.fileUnused(ctx); err != nil {
			return err
		}
	}
	return s.unmount(ctx)
}

// remove removes the device when nobody uses it.
func (s *session) remove(ctx context.Context) error {
	for told := false; ; time.Sleep(pollEvery) {
		info, there, err := s.dm.Find(ctx)
		if errors.Is(err, mapper.ErrForeign) || err == nil && !there {
			return nil
		}
		if err == nil && info.Open == 0 {
			if err = s.dm.Remove(ctx); err == nil {
				return nil
			}
			if info, _, again := s.dm.Find(ctx); again != nil || info.Open == 0 {
				return err
			}
		} else if err != nil {
			return err
		}
		if !told {
			s.tellWaiting("nothing more is copied")
			told = true
		}
	}
}

// fileUnused waits until nobody has the file open.
func (s *session) fileUnused(ctx context.Context) error {
	for told := false; ; time.Sleep(pollEvery) {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		err := s.server.Unmount(soon, fusefs.UnmountOptions{})
		cancel()
		if err == nil {
			s.server = nil
			return nil
		}
		if _, busy := errors.AsType[*fusefs.BusyError](err); !busy &&
			!errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if !told {
			s.tellWaiting("nothing more is copied")
			told = true
		}
	}
}

func (s *session) tellWaiting(state string) {
	fmt.Fprintf(s.o.Err, "%s is in use, and stays until it is not: %s; a second signal ends it at "+
		"once, and then its reads and writes fail until --resume\n", s.shown(), state)
}

// resuming returns the command that goes on.
func (s *session) resuming() string {
	drop := []string{"resume", "force", "yes", "abort"}
	words := []string{"restorefs", s.o.Command}
	for _, f := range s.given {
		if !slices.Contains(drop, f.Name) {
			words = append(words, f.Words...)
		}
	}
	return shellCommand(append(words, "--resume", s.place.device))
}
