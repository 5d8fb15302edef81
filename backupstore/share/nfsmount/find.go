package nfsmount

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

// Options say how to reach an export.
type Options struct {
	// Own is the directory on which Cinder mounts the export while it runs, "" if that is not
	// known. Whatever is mounted there is taken for the export, as Cinder does
	// (os_brick/remotefs/remotefs.py).
	Own string
	// MountOptions are comma-separated options for a mount that Open makes.
	MountOptions string
	// Writable is asked before a directory is made for a mount, with the path of that directory;
	// its error is returned. nil: everything may be written.
	Writable func(dir string) error
	// Logger is told which mount is used and why others are not.
	Logger *slog.Logger

	mountinfo string        // path; "" for the process's own
	runtime   string        // directory in which mounts are made; "" for runtimeDir
	patience  time.Duration // bounds the wait for one answer of a server; 0 for ten seconds
	tellAfter time.Duration // 0 for tellAfter
}

// Open opens e in an existing mount or else in one that it makes. dir is the directory of e in the
// existing mount, or "".
func Open(ctx context.Context, e Export, o Options) (s *share.Dir, dir string, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.patience = cmp.Or(o.patience, 10*time.Second)
	o.tellAfter = cmp.Or(o.tellAfter, tellAfter)
	o.mountinfo = cmp.Or(o.mountinfo, mountinfo.Own)
	o.runtime = cmp.Or(o.runtime, runtimeDir)
	waiting := time.AfterFunc(o.tellAfter, func() {
		o.Logger.Warn("the server of the share does not answer, waiting for it; Ctrl-C ends "+
			"the waiting", "share", e.String(), "for", o.tellAfter)
	})
	defer waiting.Stop()
	mounts, err := mountinfo.Read(o.mountinfo)
	switch {
	case err != nil && len(mounts) == 0:
		return nil, "", fmt.Errorf("look for mounts of %s: %w", e, err)
	case err != nil:
		o.Logger.Warn("not all mounts could be looked at", "share", e.String(), "err", err)
	}
	s, dir, unusable := o.first(ctx, candidates(visible(mounts), e, o.Own))
	switch {
	case s != nil:
		o.Logger.Info("the share is mounted already", "share", e.String(), "dir", dir)
		return s, dir, nil
	case ctx.Err() != nil:
		return nil, "", fmt.Errorf("look for a mount of %s: %w", e, ctx.Err())
	}
	for _, err := range unusable {
		o.Logger.Warn("a mount of the share cannot be used", "share", e.String(), "err", err)
	}
	s, err = mountOwn(ctx, e, o)
	if err != nil {
		return nil, "", explained(err, unusable)
	}
	return s, "", nil
}

// explained is the error of an export that could not be mounted, with what is wrong with the mounts
// of it that there are. With any it is no NoClientError: the kernel has a client for the export,
// and what the server or that mount refuses is not to be asked for in another way.
func explained(err error, unusable []error) error {
	none, cannot := errors.AsType[*NoClientError](err)
	if len(unusable) == 0 || !cannot {
		return errors.Join(append([]error{err}, unusable...)...)
	}
	return fmt.Errorf("%s: %w; it cannot be mounted anew: %w; %s", none.Export,
		errors.Join(unusable...), none.Reason,
		byHand(none.Export))
}

// first opens the first directory that answers, and returns why those before it cannot be used. It
// asks all at the same time, so that it waits only once if several servers do not answer.
func (o Options) first(ctx context.Context, all []candidate) (s *share.Dir, dir string,
	unusable []error) {
	if len(all) > maxCandidates {
		all = all[:maxCandidates]
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		s   *share.Dir
		err error
	}
	answers := make([]chan answer, len(all))
	for i, c := range all {
		answers[i] = make(chan answer, 1)
		go func() {
			s, err := limited(ctx, o.patience,
				func() (*share.Dir, error) { return c.open(o.Logger) })
			answers[i] <- answer{s, err}
		}()
	}
	for i, c := range all {
		a := <-answers[i]
		switch {
		case a.err != nil && s == nil:
			unusable = append(unusable, fmt.Errorf("it is mounted on %s, but %s cannot be used: %w",
				c.mount.Mountpoint, c.dir, a.err))
		case a.err == nil && s == nil:
			s, dir = a.s, c.dir
			cancel()
		case a.err == nil:
			a.s.Close()
		}
	}
	return s, dir, unusable
}

// maxCandidates bounds the mounts that are tried.
const maxCandidates = 16

// errHidden is the error of a mount that another mount covers.
var errHidden = errors.New("something else is there now")

// open opens the directory and reads a name in it. It may hang as long as the server does not
// answer.
func (c candidate) open(log *slog.Logger) (*share.Dir, error) {
	if c.mount.Type == "nfs" || c.mount.Type == "nfs4" {
		var st unix.Stat_t
		if err := unix.Stat(c.mount.Mountpoint, &st); err != nil {
			return nil, &os.PathError{Op: "stat", Path: c.mount.Mountpoint, Err: err}
		}
		if fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))) !=
			c.mount.Device {
			return nil, errHidden
		}
	}
	if err := answers(c.dir); err != nil {
		return nil, err
	}
	return share.OpenDir(context.Background(), c.dir, log) // the caller does not wait for it
}

// answers reads a name in dir. The error may be that of its server.
func answers(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	_, err = f.Readdirnames(1)
	f.Close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// errSilent is the error of a server that does not answer.
var errSilent = errors.New("its server does not answer")

// limited calls open and waits for it as long as limit and ctx allow. A share that is opened after
// that is closed.
func limited(ctx context.Context, limit time.Duration,
	open func() (*share.Dir, error)) (*share.Dir, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w for %v", errSilent, limit))
	defer cancel()
	type result struct {
		s   *share.Dir
		err error
	}
	done := make(chan result)
	go func() {
		s, err := open()
		select {
		case done <- result{s, err}:
		case <-ctx.Done():
			if err == nil {
				s.Close()
			}
		}
	}()
	select {
	case r := <-done:
		return r.s, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
