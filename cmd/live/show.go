package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize/live/mapper"
)

// mountSuffix is how the directory is called, beside the state file, in which the volume is mounted
// below a device of the mapper. It is the same each time, so that what a process that was killed
// left is found.
const mountSuffix = ".mnt"

// mountpoint returns where the volume is mounted, and whether the directory is this command's own.
func (s *session) mountpoint() (dir string, own bool) {
	if s.dm == nil {
		return s.o.File, false
	}
	state := s.place.state
	if abs, err := filepath.Abs(state); err == nil {
		state = abs
	}
	return state + mountSuffix, true
}

// file returns the path of the volume in the mount.
func (s *session) file() string {
	dir, _ := s.mountpoint()
	return filepath.Join(dir, "backups", s.backup.ID, "volume.raw")
}

// shown is what the guest uses.
func (s *session) shown() string {
	if s.dm == nil {
		return s.file()
	}
	return mapper.Path(s.dm.Name)
}

// show mounts the volume and shows it as a device, or as the file that it is then, and says so.
func (s *session) show(ctx context.Context) error {
	dir, own := s.mountpoint()
	if own {
		if err := mapper.DetachLeft(ctx, s.file()); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
			return err
		}
	}
	var err error
	s.server, err = fusefs.Mount(ctx, dir, s.disk, fusefs.Options{
		Writable: true, Mode: 0o600, Logger: s.o.Source.Logger,
		Avoid: places.NotEmpty(s.share.Dir, s.o.Source.Cache.Dir),
	})
	if err != nil {
		return err
	}
	if s.dm != nil {
		if err := s.device(ctx); err != nil {
			return err
		}
	}
	return s.ready()
}

// device shows the volume as a device: a new one, or the one that a process which was killed left,
// whose guest then finds its disk again.
func (s *session) device(ctx context.Context) error {
	// The device mapper's own writes wait for this process: its memory must not wait for them.
	if err := process.ServesDisks(); err != nil {
		s.o.Source.Logger.Info("the kernel cannot be told that this process serves a disk; under "+
			"great want of memory both may wait for each other", "err", err)
	}
	_, there, err := s.dm.Find(ctx)
	if err != nil {
		return err
	}
	loop, err := mapper.Attach(ctx, s.file(), s.target.SectorBytes())
	if err != nil {
		return err
	}
	table := mapper.Table{Device: loop, Size: s.v.Size()}
	if there {
		err = s.dm.Swap(ctx, table, func() (mapper.Table, error) { return table, nil })
	} else {
		err = s.dm.Create(ctx, table)
	}
	// From now on it goes with its last user, also when this process is killed.
	if e := mapper.Detach(ctx, loop); err == nil {
		err = e
	}
	return err
}

// ready says that the volume can be used.
func (s *session) ready() error {
	at := s.shown()
	if err := process.NotifySystemd("READY=1\nSTATUS=" + at + " can be used"); err != nil {
		s.o.Source.Logger.Warn("cannot tell that the volume can be used", "err", err)
	}
	if s.o.JSON {
		return wording.WriteJSONLine(s.o.Out, Ready{Ready: at, Backup: s.backup.ID,
			Target: s.target.Path(), Seconds: time.Since(s.began).Seconds()})
	}
	fmt.Fprintf(s.o.Err, "the volume can be used now, and is copied to %s meanwhile; Ctrl-C stops "+
		"that when nobody uses it\n", s.target)
	_, err := fmt.Fprintln(s.o.Out, at)
	return err
}
