// Package locate opens a share as people name it: by a directory, by an NFS export (HOST:/EXPORT,
// or nfs://HOST/EXPORT for restorefs's own client), by a bucket or container (s3://, gs://,
// swift://), or not at all, in which case Cinder's configuration says where its backups are.
//
// It owns the decision which of these is meant. nfsmount reaches an export through the kernel, nfs
// without it, s3 and swift a bucket, cinderconf reads the configuration, and package share reads
// the share.
package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/nfs"
	"github.com/restorefs/restorefs/backupstore/share/nfsmount"
	"github.com/restorefs/restorefs/backupstore/share/several"
)

// Share is an open share, and where it was found.
type Share struct {
	// Root is the share itself. The caller closes it, or passes it to backupstore.NewCatalog, whose
	// Catalog closes it.
	Root share.Share
	// Given is Options.Share or, if that is "", the share in Cinder's configuration.
	Given string
	// Dir is the share's directory: Given, or where a mount of the export was found. It is "" for
	// an export that this process mounted for itself, or reads without the kernel: no path leads
	// there.
	Dir string
	// Source is the share as in fstab(5): the export, or the full path of the directory.
	Source string
	// Parts are the shares that this one is together, each as it would be by itself, but that Root
	// closes theirs; nil: it is one share.
	Parts []*Share
}

// Each returns the shares that this one is together, or itself.
func (s *Share) Each() []*Share {
	if s.Parts == nil {
		return []*Share{s}
	}
	return s.Parts
}

// Dirs returns the directories of shares on this machine.
func (s *Share) Dirs() (dirs []string) {
	for _, part := range s.Each() {
		if part.Dir != "" {
			dirs = append(dirs, part.Dir)
		}
	}
	return dirs
}

// Places returns Place of each share.
func (s *Share) Places() (places []string) {
	for _, part := range s.Each() {
		places = append(places, part.Place())
	}
	return places
}

// Device is the number of the share's file system, st_dev of stat(2); 0 if it has none on this
// machine.
func (s *Share) Device() uint64 {
	if dir, ok := s.Root.(*share.Dir); ok {
		return dir.Device()
	}
	return 0
}

// Place is Dir if there is one, else the export.
func (s *Share) Place() string { return cmp.Or(s.Dir, s.Given) }

// Options say where a share is. The zero value names no share.
type Options struct {
	// Share is a directory, HOST:/EXPORT[/DIR], or nfs://HOST/EXPORT[/DIR] (see nfs.Spec). "" means
	// the one in Cinder's configuration.
	Share string
	// More are further shares as Share is one, to be read together with it.
	More []string
	// Policy says how patient to be with a server that restorefs itself talks to.
	Policy share.Policy
	// Config is the path of Cinder's configuration, a file or a directory (see cinderconf.Load). It
	// says where Cinder mounts its export, and with which options. "" means no configuration.
	Config string
	// NeedConfig makes it an error if the configuration cannot be read, even if Share is an export:
	// the operator named the file.
	NeedConfig bool
	// MountOptions are the options to mount an export with, as in nfsmount.Options; "" means those
	// of the configuration if the export is Cinder's.
	MountOptions string
	// Writable is asked before a directory is made in which an export is mounted, with the path of
	// that directory and the export; its error is returned. nil: everything may be written.
	Writable func(dir, export string) error
	// MemoryBytes is the memory of the whole process, of which shares that read ahead by themselves
	// take a small part; 0: as much as is of use.
	MemoryBytes int64
	// Logger is told of slow servers and of what was found; nil: nothing is logged.
	Logger *slog.Logger
}

// ErrNoConfig means that neither Options.Share nor Options.Config says where the backups are.
var ErrNoConfig = errors.New("no share and no configuration of Cinder's is given")

// ConfigError says that Cinder's configuration, which was to say where the backups are, does not.
type ConfigError struct {
	Err   error // of cinderconf, or ErrNoConfig
	Named bool  // Options.NeedConfig was set, and the configuration cannot be read
}

// Error implements error.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// SpecError says that Options.Share does not have the form of a share.
type SpecError struct{ Err error }

// Error implements error.
func (e *SpecError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SpecError) Unwrap() error { return e.Err }

// Open opens a share, or several as one. The error is a *SpecError, a *ConfigError, or that of
// share or nfsmount for a share that cannot be reached. It returns when ctx ends.
func Open(ctx context.Context, o Options) (*Share, error) {
	if len(o.More) == 0 {
		return o.open(ctx)
	}
	o.MemoryBytes /= int64(1 + len(o.More))
	whole := new(Share)
	var roots []share.Share
	for _, given := range append([]string{o.Share}, o.More...) {
		o.Share = given
		part, err := o.open(ctx)
		if err == nil && slices.Contains(whole.Places(), part.Place()) {
			part.Root.Close()
			err = &SpecError{fmt.Errorf("share %s is given twice", given)}
		}
		if err != nil {
			several.New(roots...).Close()
			return nil, err
		}
		whole.Parts, roots = append(whole.Parts, part), append(roots, part.Root)
	}
	whole.Root = several.New(roots...)
	whole.Given = strings.Join(whole.Places(), " and ")
	whole.Source = whole.Given
	return whole, nil
}

// open opens the one share that Options.Share is.
func (o Options) open(ctx context.Context) (*Share, error) {
	if err := notURL(o.Share); err != nil {
		return nil, err
	}
	if isNFS(o.Share) {
		return o.network(ctx)
	}
	given := o.Share
	var conf cinders
	if given == "" || IsExport(given) || isBucket(given) {
		var err error
		if conf, err = o.config(given == ""); err != nil {
			return nil, err
		}
	}
	if given == "" {
		given = place(conf.Config)
		if o.Logger != nil {
			o.Logger.Info("the share is from Cinder's configuration", "share", given,
				"file", o.Config)
		}
	}
	switch {
	case isBucket(given):
		return o.bucket(ctx, given, conf)
	case IsExport(given):
		return o.export(ctx, given, conf)
	}
	return o.directory(ctx, given)
}

// config reads Cinder's configuration. An error counts only if the file was named, or must say
// where the backups are: the default file may be missing, or belong to a Cinder with other backups.
func (o Options) config(must bool) (cinders, error) {
	conf, err := cinders{}, error(ErrNoConfig)
	if o.Config != "" {
		conf.Config, err = cinderconf.Load(o.Config)
	}
	conf.err = err
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

// network opens an export without the kernel.
func (o Options) network(ctx context.Context) (*Share, error) {
	spec, err := nfs.Parse(o.Share)
	if err != nil {
		return nil, &SpecError{err}
	}
	root, err := nfs.Open(ctx, spec, nfs.Options{Policy: o.Policy, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	return &Share{Root: root, Given: o.Share, Source: spec.Export()}, nil
}

func (o Options) export(ctx context.Context, spec string, conf cinders) (*Share, error) {
	export, err := nfsmount.ParseExport(spec)
	if err != nil {
		return nil, &SpecError{err}
	}
	how := nfsmount.Options{MountOptions: o.MountOptions, Logger: o.Logger}
	if isCinders(export, conf) {
		how.Own = conf.MountPoint
		how.MountOptions = cmp.Or(o.MountOptions, conf.MountOptions)
	}
	if o.Writable != nil {
		how.Writable = func(dir string) error { return o.Writable(dir, export.String()) }
	}
	root, dir, err := nfsmount.Open(ctx, export, how)
	if none, cannot := errors.AsType[*nfsmount.NoClientError](err); cannot {
		return o.instead(ctx, spec, export, how.MountOptions, conf, none)
	}
	if err != nil {
		return nil, err
	}
	return &Share{Root: root, Given: spec, Dir: dir, Source: spec}, nil
}

// isCinders reports whether an export is that of Cinder's configuration.
func isCinders(export nfsmount.Export, conf cinders) bool {
	of, err := nfsmount.ParseExport(conf.Share)
	return err == nil && of.Host == export.Host && of.Path == export.Path
}

// IsExport reports whether spec has the form of an NFS export and is not the name of an existing
// directory.
func IsExport(spec string) bool {
	if !nfsmount.IsExport(spec) {
		return false // without a stat, whose server may not answer
	}
	st, err := os.Stat(spec)
	return err != nil || !st.IsDir()
}

// isNFS reports whether spec is a URL that nfs reads, and not the name of a directory.
func isNFS(spec string) bool {
	if !strings.HasPrefix(spec, nfs.Scheme) {
		return false
	}
	_, err := os.Stat(spec)
	return err != nil
}

// notURL refuses a URL, which would otherwise be taken for an export whose host is the scheme. The
// share of Cinder's configuration is not checked: mount(8) does that, as for Cinder.
func notURL(spec string) error {
	scheme, rest, ok := strings.Cut(spec, "://")
	if !ok || scheme == "" || strings.Contains(scheme, "/") {
		return nil
	}
	if _, err := os.Stat(spec); err == nil {
		return nil // a directory can have any name
	}
	if isNFS(spec) || isBucket(spec) {
		return nil
	}
	what := "backups of Cinder's other drivers, as that for Ceph, are not read"
	switch scheme {
	case "file":
		what = "a directory is written as its path, " + cmp.Or(rest, "/DIRECTORY")
	}
	return &SpecError{
		fmt.Errorf("%q is a URL, and SHARE is none: it is a directory, NFSHOST:/EXPORT[/DIR], or "+
			"nfs://NFSHOST/EXPORT[/DIR], s3://BUCKET, gs://BUCKET or swift://CONTAINER; %s",
			spec, what)}
}
