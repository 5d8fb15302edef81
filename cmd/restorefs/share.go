package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/nfsmount"
	"github.com/restorefs/restorefs/fusefs"
)

const shareHelp = `SHARE is a directory (a mounted NFS export), or NFSHOST:/EXPORT[/DIR]: a mount of
that is looked for, Cinder's own or another; else root mounts it, read-only and for
this process alone. Without --share it is what Cinder's configuration says.`

func shareFlag() cli.Flag {
	return &cli.StringFlag{Name: "share", EnvVars: []string{"RESTOREFS_SHARE"}, Usage: "where the backups are: a `DIRECTORY` or NFSHOST:/EXPORT"}
}

// shareFlags belong to each command that has shareFlag.
func shareFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "cinder-conf", EnvVars: []string{"RESTOREFS_CINDER_CONF"}, Value: "/etc/cinder/cinder.conf",
			Usage: "Cinder's configuration, a `FILE` (and FILE.d/*.conf) or a directory of such"},
		&cli.StringFlag{Name: "mount-options", Usage: "`OPTIONS` to mount an export with, comma-separated; always ro,nosuid,nodev,noexec"},
	}
}

// cinderConfig reads Cinder's configuration. An error counts only where that
// was asked for: the default file may be missing, or of a Cinder without such
// backups.
func cinderConfig(c *cli.Context) (conf cinderconf.Config, counts bool, err error) {
	conf, err = cinderconf.Load(c.String("cinder-conf"))
	counts = err != nil && c.IsSet("cinder-conf") && !errors.Is(err, cinderconf.ErrNoBackups)
	return conf, counts, err
}

// openShare opens what --share says, or else Cinder's configuration. --share is
// then where it was found.
func openShare(c *cli.Context) (*share.Dir, error) {
	spec := c.String("share")
	var conf cinderconf.Config
	if err := notURL(spec); err != nil {
		return nil, err
	}
	if spec == "" || isExport(spec) {
		var err error
		var counts bool
		if conf, counts, err = cinderConfig(c); counts {
			return nil, fmt.Errorf("%w; --share says where the backups are", err)
		}
		if spec == "" {
			if err != nil {
				return nil, usagef("no share given: say --share DIRECTORY or NFSHOST:/EXPORT, or set RESTOREFS_SHARE (%w)", err)
			}
			spec = cmp.Or(conf.Share, conf.Path)
			newLogger(c).Info("the share is from Cinder's configuration", "share", spec, "file", c.String("cinder-conf"))
		}
	}
	if !isExport(spec) {
		s, err := share.OpenDir(c.Context, spec, newLogger(c))
		if err != nil && strings.Contains(spec, ":") && !strings.HasPrefix(spec, "/") {
			_, err = nfsmount.ParseExport(spec)
			return nil, usageError{err}
		}
		if err == nil {
			err = noMountOfOurs(s)
		}
		if err != nil {
			return nil, err
		}
		return s, c.Set("share", spec)
	}
	export, err := nfsmount.ParseExport(spec)
	if err != nil {
		return nil, usageError{err}
	}
	o := nfsmount.Options{MountOptions: c.String("mount-options"), Logger: newLogger(c)}
	if of, err := nfsmount.ParseExport(conf.Share); err == nil && of.Host == export.Host && of.Path == export.Path {
		o.Own = conf.MountPoint
		if !c.IsSet("mount-options") {
			o.MountOptions = conf.MountOptions
		}
	}
	s, dir, err := nfsmount.Open(c.Context, export, o)
	if err != nil {
		return nil, err
	}
	return s, c.Set("share", cmp.Or(dir, spec))
}

// notURL refuses a share that is written as a URL, which would pass for an export
// of the host that is its scheme. What Cinder's configuration says is left to
// mount(8), as Cinder leaves it.
func notURL(spec string) error {
	scheme, rest, ok := strings.Cut(spec, "://")
	if !ok || scheme == "" || strings.Contains(scheme, "/") {
		return nil
	}
	if _, err := os.Stat(spec); err == nil {
		return nil // a directory can have any name
	}
	what := "backups of Cinder's NFS and POSIX drivers are files; those of object stores and Ceph are not read"
	switch scheme {
	case "nfs":
		host, dir, _ := strings.Cut(rest, "/")
		what = fmt.Sprintf("an export is written %s:/%s", cmp.Or(host, "NFSHOST"), cmp.Or(dir, "EXPORT"))
	case "file":
		what = "a directory is written as its path, " + cmp.Or(rest, "/DIRECTORY")
	}
	return usagef("%q is a URL, and SHARE is none: it is a directory, or NFSHOST:/EXPORT[/DIR]; %s", spec, what)
}

// noMountOfOurs refuses, and closes, a share that is a mount of restorefs.
func noMountOfOurs(s *share.Dir) error {
	dev := s.Device()
	mounts, err := fusefs.Mounts()
	if err != nil {
		return nil // it will be without backups, which is told
	}
	for _, m := range mounts {
		if m.Device == fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) {
			s.Close()
			return fmt.Errorf("%s is no share: it is a restorefs mount (type %s, on %s), which shows backups as disks; "+
				"the share is where Cinder writes them, %s", s, m.Type, m.Mountpoint, m.Source)
		}
	}
	return nil
}

// isExport reports whether a share is written as an export and not the name of
// a directory that is there.
func isExport(spec string) bool {
	if !nfsmount.IsExport(spec) {
		return false // and do not ask a server that may be away
	}
	st, err := os.Stat(spec)
	return err != nil || !st.IsDir()
}

// shareSource is --share as fstab would have it: an export, or a directory with
// its full path.
func shareSource(c *cli.Context) string {
	spec := c.String("share")
	if spec == "" || isExport(spec) {
		return spec
	}
	if abs, err := filepath.Abs(spec); err == nil {
		return abs
	}
	return spec
}

// shareDir is the directory that the open share is, for who must keep away from
// it; "" when it is in no place where anybody could come across it.
func shareDir(c *cli.Context) string {
	if spec := c.String("share"); !isExport(spec) {
		return spec
	}
	return ""
}

// written are the directories and files that a mount writes, of which the
// mountpoint must be apart.
func written(c *cli.Context) (paths []string) {
	for _, flag := range []string{"cache-dir", "disk-cache", "overlay", "log-file"} {
		if path := c.String(flag); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}
