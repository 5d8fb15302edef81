package source

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/fusefs"
)

// openShare opens a share, and refuses one that is a mount of restorefs.
func openShare(ctx context.Context, o locate.Options) (*locate.Share, error) {
	o.Writable = places.OutsideExport
	s, err := locate.Open(ctx, o)
	if spec, wrong := errors.AsType[*locate.SpecError](err); wrong {
		return nil, cmdline.WrongUsage(spec)
	}
	if conf, wrong := errors.AsType[*locate.ConfigError](err); wrong {
		if conf.Named {
			return nil, fmt.Errorf("%w; --share says where the backups are", conf)
		}
		return nil, cmdline.Usagef("no share given: say --share DIRECTORY, NFSHOST:/EXPORT or a "+
			"bucket (s3://, gs://, swift://), or set RESTOREFS_SHARE (%w)", conf)
	}
	if err != nil {
		return nil, err
	}
	for _, part := range s.Each() {
		if err := noMountOfOurs(part); err != nil {
			s.Root.Close()
			return nil, err
		}
	}
	return s, nil
}

// noMountOfOurs refuses a share that is a mount of restorefs.
func noMountOfOurs(s *locate.Share) error {
	dev := s.Device()
	mounts, err := fusefs.Mounts()
	if err != nil {
		return nil // looking for backups there reports it
	}
	for _, m := range mounts {
		if m.Device == fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) {
			return fmt.Errorf("%s is no share: it is a restorefs mount (type %s, on %s), "+
				"which shows backups as disks; "+
				"the share is where Cinder writes them, %s", s.Root, m.Type, m.Mountpoint, m.Source)
		}
	}
	return nil
}
