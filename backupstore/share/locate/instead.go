package locate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/nfs"
	"github.com/restorefs/restorefs/backupstore/share/nfsmount"
)

// cinders is Cinder's configuration, and the error of reading it where that was not fatal.
type cinders struct {
	cinderconf.Config
	err error
}

// unknown returns the error of a configuration that is there, and that may want more security than
// the own client has.
func (c cinders) unknown(path string) error {
	if c.err == nil || errors.Is(c.err, cinderconf.ErrNoBackups) {
		return nil
	}
	if _, err := os.Lstat(path); path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return c.err
}

// instead opens an export without the kernel, which has no client for it.
func (o Options) instead(ctx context.Context, given string, export nfsmount.Export,
	mountOptions string,
	conf cinders, none *nfsmount.NoClientError) (*Share, error) {
	query, err := o.allowed(mountOptions, conf)
	if err != nil {
		return nil, fmt.Errorf("%w; restorefs does not read it itself: %w", none, err)
	}
	spec, err := nfs.Parse(export.URL() + query)
	if err != nil {
		return nil, fmt.Errorf("%w; restorefs does not read it itself: %w", none, err)
	}
	root, err := nfs.Open(ctx, spec, nfs.Options{Policy: o.Policy, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("%w; restorefs tried to read it itself, as %w: %w", err,
			nfsmount.ErrMount, none.Reason)
	}
	if o.Logger != nil {
		o.Logger.Warn("the share is not mounted and cannot be mounted here, so restorefs reads "+
			"it by its own NFS "+
			"client", "share", given, "reason", none.Reason)
	}
	return &Share{Root: root, Given: given, Source: given}, nil
}

// allowed returns the query of the URL by which the own client reads an export that is to be
// mounted with options. It is an error if the own client must not be used instead.
//
// Unless the operator says how to mount, the configuration's options must allow it whatever export
// they are for: the same one may have another name there.
func (o Options) allowed(mountOptions string, conf cinders) (query string, err error) {
	if o.MountOptions == "" {
		if err := conf.unknown(o.Config); err != nil {
			return "", fmt.Errorf(
				"the configuration cannot be read, so it is not known which security is "+
					"wanted (%w); "+
					"say --mount-options sec=sys, or nfs://", err)
		}
		if _, err := withoutKernel(conf.MountOptions); err != nil {
			return "", fmt.Errorf("%s has %w", o.Config, err)
		}
	}
	return withoutKernel(mountOptions)
}

// harmless are the options of mounts that say nothing about what is read, or as whom: they may be
// passed over.
var harmless = strings.Fields(`
	defaults ro rw suid nosuid dev nodev exec noexec sync async auto noauto user users owner group
	atime noatime diratime nodiratime relatime norelatime strictatime
	_netdev nofail bg fg retry intr nointr
	hard soft softerr softreval nosoftreval timeo retrans rsize wsize bsize
	ac noac actimeo acregmin acregmax acdirmin acdirmax lookupcache cto nocto
	lock nolock local_lock acl noacl rdirplus nordirplus posix noposix
	sharecache nosharecache fsc nofsc nconnect resvport noresvport
	tcp mountvers clientaddr`)

// withoutKernel returns the options of a mount that the own client knows, as the query of its URL.
// An error means that it must not be used instead: they ask for more than it can, or may do so.
func withoutKernel(mountOptions string) (query string, err error) {
	known := url.Values{}
	version, minor := "", ""
	for option := range strings.SplitSeq(mountOptions, ",") {
		option = strings.TrimSpace(option)
		name, value, _ := strings.Cut(option, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch name {
		case "vers", "nfsvers":
			version = value
		case "v3", "v4", "v4.0", "v4.1", "v4.2":
			version = name[1:]
		case "minorversion":
			minor = value
		case "port":
			known.Set("nfsport", value)
		case "mountport":
			known.Set("mountport", value)
		default:
			if !plain(name, value) {
				return "", fmt.Errorf(
					"the mount option %q, for which its own NFS client has nothing", option)
			}
		}
	}
	if minor != "" && (version == "" || version == "4") {
		version = "4." + minor
	}
	if version == "4.2" { // reading is the same
		version = "4"
	}
	if version != "" {
		known.Set("version", version)
	}
	if len(known) == 0 {
		return "", nil
	}
	return "?" + known.Encode(), nil
}

// plain reports whether an option asks for nothing but what the own client does.
func plain(name, value string) bool {
	switch name {
	case "":
		return value == ""
	case "sec":
		return value == "sys"
	case "xprtsec":
		return value == "none"
	case "proto", "mountproto":
		return value == "tcp" || value == "tcp6"
	}
	return strings.HasPrefix(name, "x-") || slices.Contains(harmless, name)
}
