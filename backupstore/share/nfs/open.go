package nfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"syscall"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
	"github.com/restorefs/restorefs/backupstore/share/nfs/v3"
	"github.com/restorefs/restorefs/backupstore/share/nfs/v4"
)

// conns is how many connections are made to a server that has much to do. More than one lets the
// processors of both sides share the work.
const conns = 4

// Open opens the share at spec. It returns when ctx ends. A server that cannot be connected to is
// an error at once; one that is connected to and does not answer is waited for as the policy says.
func Open(ctx context.Context, spec Spec, o Options) (*Share, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	outage := share.NewOutage(spec.String(), o.Logger)
	call := outage.Begin()
	defer call.End()
	host := rpc.NewHost(spec.Host)
	var errs []error
	for _, version := range versions(spec.Version) {
		client, root, err := version.open(ctx, host, spec, o.Policy)
		if err == nil {
			o.Logger.Info("the share is read by restorefs's own NFS client", "share", spec.String(),
				"version", client.Version())
			return of(spec, o, outage, &server{Client: client, ahead: newAhead(o.ReadAhead)},
				root), nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open share %s: %w", spec, ctx.Err())
		}
		errs = append(errs, fmt.Errorf("NFS %s: %w", version.name, err))
		if !otherwise(err) {
			break
		}
	}
	return nil, opening(spec, errs)
}

// version is a way to reach a share.
type version struct {
	name string
	dial func(context.Context, *rpc.Host, Spec, share.Policy) (proto.Client, error)
}

func (v version) open(ctx context.Context, host *rpc.Host, spec Spec,
	p share.Policy) (proto.Client, proto.Node, error) {
	var root proto.Node
	client, err := v.dial(ctx, host, spec, p)
	if err != nil {
		return nil, root, err
	}
	err = p.Again(ctx, func() (bool, error) {
		root, err = client.Root(ctx, spec.Path)
		return later(err), err
	})
	if err == nil && !root.Attr.Mode.IsDir() {
		err = proto.NotDir
	}
	if err != nil {
		client.Close()
		return nil, root, err
	}
	return client, root, nil
}

// versions returns the versions to try for one that is asked for, the best first.
func versions(asked string) (all []version) {
	known := []version{
		{"4.1", func(_ context.Context, h *rpc.Host, s Spec, p share.Policy) (proto.Client, error) {
			return v4.New(v4.Options{Host: h, Port: s.NFSPort, Minor: 1, Conns: conns,
				Identity: s.Identity, Policy: p}), nil
		}},
		{"4.0", func(_ context.Context, h *rpc.Host, s Spec, p share.Policy) (proto.Client, error) {
			return v4.New(v4.Options{Host: h, Port: s.NFSPort, Minor: 0, Conns: conns,
				Identity: s.Identity, Policy: p}), nil
		}},
		{"3", func(ctx context.Context, h *rpc.Host, s Spec, p share.Policy) (proto.Client, error) {
			return v3.Dial(ctx, v3.Options{
				Host: h, NFSPort: s.NFSPort, MountPort: s.MountPort, Conns: conns,
				Identity: s.Identity, Policy: p,
			})
		}},
	}
	for _, v := range known {
		if asked == "" || asked == v.name || asked == "4" && v.name[0] == '4' {
			all = append(all, v)
		}
	}
	return all
}

// otherwise reports whether another version may succeed where one failed: the server does not offer
// it, or has the export at another place there.
func otherwise(err error) bool {
	if _, rejected := errors.AsType[*rpc.Rejection](err); rejected {
		return true
	}
	return errors.Is(err, rpc.ErrNotOffered) || errors.Is(err, proto.MinorVersMismatch) ||
		errors.Is(err, proto.NotSupp) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.ECONNREFUSED)
}

// opening is the error of a share that cannot be opened, with what to do.
func opening(spec Spec, errs []error) error {
	err := errors.Join(errs...)
	var advice string
	var dns *net.DNSError
	switch {
	case errors.Is(err, proto.WrongSec): // says it already
	case errors.Is(err, fs.ErrPermission):
		advice = denied(spec.Identity)
	case errors.As(err, &dns):
		advice = " (is the name right?)"
	case errors.Is(err, syscall.ECONNREFUSED):
		advice = " (is it an NFS server, and is it running? nfsport= names another port than 2049)"
	case errors.Is(err, fs.ErrNotExist):
		advice = " (what the server exports: showmount -e " + spec.Host + ")"
	}
	return fmt.Errorf("open share %s: %w%s", spec, cmp.Or(single(errs), err), advice)
}

// single returns the only error, or nil.
func single(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return nil
}
