package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/objects"
)

// Options are how to be with a store.
type Options struct {
	Policy share.Policy
	Logger *slog.Logger // nil: nothing is logged
	// MemoryBytes is as in objects.Options.
	MemoryBytes int64
}

// amazon is the endpoint where none is given.
const amazon = "https://s3.amazonaws.com"

// Open opens the share at spec. It asks the store for one name, so that what is wrong with the
// bucket, its server or the credentials is an error here. It returns when ctx ends.
func Open(ctx context.Context, spec Spec, o Options) (*objects.Share, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := connect(spec, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	call := share.NewOutage(spec.String(), o.Logger).Begin()
	defer call.End()
	if err := s.probe(ctx, s.client); err != nil {
		s.Close()
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	if !s.signing.anonymous {
		s.warnOfAnyone(ctx)
	}
	prefix := spec.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return objects.New(s, objects.Options{
		Prefix: prefix, Bucket: spec.Bucket, Policy: o.Policy, Logger: o.Logger,
		MemoryBytes: o.MemoryBytes,
	}), nil
}

// connect makes the client. It sends nothing.
func connect(spec Spec, o Options) (*store, error) {
	at, err := endpoint(cmp.Or(spec.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"),
		os.Getenv("AWS_ENDPOINT_URL"), amazon))
	if err != nil {
		return nil, err
	}
	transport, err := objects.NewTransport(objects.TransportOptions{
		Policy: o.Policy, CA: cmp.Or(spec.CA, os.Getenv("AWS_CA_BUNDLE")), Insecure: spec.Insecure,
	})
	if err != nil {
		return nil, err
	}
	s := &store{spec: spec, endpoint: at, transport: transport, policy: o.Policy, log: o.Logger}
	if s.signing, err = credentialsOf(spec, &http.Client{Transport: transport}); err != nil {
		return nil, err
	}
	key, err := customerKey(spec)
	if err != nil {
		return nil, err
	}
	if len(key) > 0 {
		if at.Scheme == "http" && !isLocal(at.Hostname()) && !spec.Insecure {
			return nil, errors.New("the key of SSE-C would be sent in the clear: give an " +
				"https:// endpoint, or insecure=yes in the URL if that is all right")
		}
		if s.key, err = encrypt.NewSSEC(key); err != nil {
			return nil, err
		}
	}
	s.client, err = s.connected(s.signing)
	return s, err
}

// connected returns a client for some credentials.
func (s *store) connected(with signing) (*minio.Core, error) {
	client, err := minio.NewCore(s.endpoint.Host, &minio.Options{
		Creds: with.Credentials, Secure: s.endpoint.Scheme == "https",
		Transport:    newPages(s.transport, s.policy),
		Region:       region(s.spec.Region, s.endpoint),
		BucketLookup: lookup(s.spec.Style), MaxRetries: 1, // the transport asks again
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", s.endpoint, err)
	}
	return client, nil
}

// region is what requests are signed for. Of Amazon's buckets it is asked for if it is not known;
// other servers have one, mostly the first that there was.
func region(given string, at *url.URL) string {
	known := cmp.Or(given, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if known == "" && !strings.HasSuffix(at.Hostname(), ".amazonaws.com") {
		return "us-east-1"
	}
	return known
}

func lookup(style string) minio.BucketLookupType {
	switch style {
	case "path":
		return minio.BucketLookupPath
	case "host":
		return minio.BucketLookupDNS
	}
	return minio.BucketLookupAuto
}

// errEnough ends a list of which one page will do.
var errEnough = errors.New("enough")

// probe asks for one name.
func (s *store) probe(ctx context.Context, client *minio.Core) error {
	err := s.list(ctx, client, s.spec.Prefix, minio.ListObjectsOptions{MaxKeys: 1, Recursive: true},
		func(objects.Info) error { return errEnough })
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// warnOfAnyone says so if the bucket can be listed without credentials: a server that ignores them,
// or a bucket that is open to the world, which has all disks in it.
func (s *store) warnOfAnyone(ctx context.Context) {
	client, err := s.connected(anonymous())
	if err != nil || s.probe(ctx, client) != nil {
		return
	}
	s.log.Warn("the bucket can be listed without credentials, by anyone who reaches its server",
		"share", s.spec.String())
}
