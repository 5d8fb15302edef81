// Package locate opens a share from what people write for one: a directory, an
// NFS export (HOST:/EXPORT), or nothing, where Cinder's configuration says where
// its backups are.
//
// It owns which of these is meant. How an export is reached belongs to nfsmount,
// how a configuration is read to cinderconf, and what is read from the share to
// package share.
package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/nfsmount"
)

// Share is an open share, and where it was found.
type Share struct {
	// Root is the share itself. The caller closes it, or hands it to
	// backupstore.NewCatalog, whose Catalog does.
	Root *share.Dir
	// Given is Options.Share, or what Cinder's configuration has in its place.
	Given string
	// Dir is the directory that the share is: Given, or where a mount of the export
	// was found. It is "" for an export that was mounted by this process for itself,
	// which no path leads to.
	Dir string
	// Source is the share as fstab(5) has it: the export, or the full path of the
	// directory.
	Source string
}

// Place is Dir where there is one, else the export.
func (s *Share) Place() string { return cmp.Or(s.Dir, s.Given) }

// Options say where a share is. The zero value names none.
type Options struct {
	// Share is a directory, or HOST:/EXPORT[/DIR]. "" stands for what Cinder's
	// configuration says.
	Share string
	// Config is the path of Cinder's configuration, a file or a directory (see
	// cinderconf.Load). For an export it tells where Cinder mounts it, and with which
	// options. "" stands for no configuration.
	Config string
	// NeedConfig makes a configuration that cannot be read an error also where Share
	// is an export: somebody named the file.
	NeedConfig bool
	// MountOptions are those to mount an export with, as in nfsmount.Options; "" are
	// those of the configuration if the export is Cinder's.
	MountOptions string
	// Logger is told of slow servers and of what was found; nil: it is not.
	Logger *slog.Logger
}

// ErrNoConfig is what errors.Is finds when neither Options.Share nor
// Options.Config says where the backups are.
var ErrNoConfig = errors.New("no share and no configuration of Cinder's is given")

// ConfigError is Cinder's configuration that was to say where the backups are and
// does not.
type ConfigError struct {
	Err   error // of cinderconf, or ErrNoConfig
	Named bool  // Options.NeedConfig was set, and the configuration cannot be read
}

// Error implements error.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// SpecError is an Options.Share that cannot be one as it is written.
type SpecError struct{ Err error }

// Error implements error.
func (e *SpecError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SpecError) Unwrap() error { return e.Err }

// Open opens a share. Its errors are a *SpecError, a *ConfigError, or what share
// and nfsmount say of a share that cannot be reached. It returns when ctx ends.
func Open(ctx context.Context, o Options) (*Share, error) {
	if err := notURL(o.Share); err != nil {
		return nil, err
	}
	given := o.Share
	var conf cinderconf.Config
	if given == "" || IsExport(given) {
		var err error
		if conf, err = o.config(given == ""); err != nil {
			return nil, err
		}
	}
	if given == "" {
		given = cmp.Or(conf.Share, conf.Path)
		if o.Logger != nil {
			o.Logger.Info("the share is from Cinder's configuration", "share", given, "file", o.Config)
		}
	}
	if IsExport(given) {
		return o.export(ctx, given, conf)
	}
	return o.directory(ctx, given)
}

// config reads Cinder's configuration. An error counts only where the file was
// named, or has to say where the backups are: the usual file may be missing, or
// be that of a Cinder with other backups.
func (o Options) config(must bool) (cinderconf.Config, error) {
	conf, err := cinderconf.Config{}, error(ErrNoConfig)
	if o.Config != "" {
		conf, err = cinderconf.Load(o.Config)
	}
	named := o.NeedConfig && !errors.Is(err, cinderconf.ErrNoBackups)
	if err != nil && (named || must) {
		return conf, &ConfigError{Err: err, Named: named}
	}
	return conf, nil
}

func (o Options) directory(ctx context.Context, dir string) (*Share, error) {
	root, err := share.OpenDir(ctx, dir, o.Logger)
	if err != nil && strings.Contains(dir, ":") && !strings.HasPrefix(dir, "/") {
		_, err = nfsmount.ParseExport(dir)
		return nil, &SpecError{err}
	}
	if err != nil {
		return nil, err
	}
	s := &Share{Root: root, Given: dir, Dir: dir, Source: dir}
	if abs, err := filepath.Abs(dir); err == nil {
		s.Source = abs
	}
	return s, nil
}

func (o Options) export(ctx context.Context, spec string, conf cinderconf.Config) (*Share, error) {
	export, err := nfsmount.ParseExport(spec)
	if err != nil {
		return nil, &SpecError{err}
	}
	how := nfsmount.Options{MountOptions: o.MountOptions, Logger: o.Logger}
	if of, err := nfsmount.ParseExport(conf.Share); err == nil && of.Host == export.Host && of.Path == export.Path {
		how.Own = conf.MountPoint
		how.MountOptions = cmp.Or(o.MountOptions, conf.MountOptions)
	}
	root, dir, err := nfsmount.Open(ctx, export, how)
	if err != nil {
		return nil, err
	}
	return &Share{Root: root, Given: spec, Dir: dir, Source: spec}, nil
}

// IsExport reports whether a share is written as an NFS export and is not the
// name of a directory that is there.
func IsExport(spec string) bool {
	if !nfsmount.IsExport(spec) {
		return false // and do not ask a server that may be away
	}
	st, err := os.Stat(spec)
	return err != nil || !st.IsDir()
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
	return &SpecError{fmt.Errorf("%q is a URL, and SHARE is none: it is a directory, or NFSHOST:/EXPORT[/DIR]; %s", spec, what)}
}
