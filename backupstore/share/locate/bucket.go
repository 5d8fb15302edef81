package locate

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/s3"
	"github.com/restorefs/restorefs/backupstore/share/swift"
)

// isBucket reports whether spec is a URL that s3 or swift reads, and not the name of a directory.
func isBucket(spec string) bool {
	if !strings.HasPrefix(spec, s3.Scheme) && !strings.HasPrefix(spec, s3.GoogleScheme) &&
		!strings.HasPrefix(spec, swift.Scheme) {
		return false
	}
	_, err := os.Stat(spec)
	return err != nil
}

// bucket opens a bucket of an object store.
func (o Options) bucket(ctx context.Context, given string, conf cinders) (*Share, error) {
	if strings.HasPrefix(given, swift.Scheme) {
		return o.container(ctx, given, conf)
	}
	spec, err := s3.Parse(given)
	if err != nil {
		return nil, &SpecError{err}
	}
	if conf.S3 != nil {
		adopt(&spec, *conf.S3)
	}
	root, err := s3.Open(ctx, spec, s3.Options{Policy: o.Policy, Logger: o.Logger,
		MemoryBytes: o.MemoryBytes})
	if err != nil {
		return nil, err
	}
	return &Share{Root: root, Given: given, Source: given}, nil
}

// container opens a container of Swift.
func (o Options) container(ctx context.Context, given string, conf cinders) (*Share, error) {
	spec, err := swift.Parse(given)
	if err != nil {
		return nil, &SpecError{err}
	}
	if c := conf.Swift; c != nil && (o.Share == "" || !namesCloud(spec)) {
		adoptLogin(&spec, *c)
	}
	root, err := swift.Open(ctx, spec, swift.Options{Policy: o.Policy, Logger: o.Logger,
		MemoryBytes: o.MemoryBytes})
	if err != nil {
		return nil, err
	}
	return &Share{Root: root, Given: given, Source: given}, nil
}

// adopt completes what a URL says by what Cinder's configuration says of the same bucket. Its
// secrets go to its own server only, and only where the URL names no others.
func adopt(spec *s3.Spec, c cinderconf.S3) {
	if spec.Bucket != c.Bucket || spec.Anonymous || spec.Profile != "" || spec.Credentials != "" ||
		spec.Endpoint != "" && spec.Endpoint != c.Endpoint {
		return
	}
	spec.Endpoint = c.Endpoint
	spec.CA = cmp.Or(spec.CA, c.CA)
	spec.Insecure = spec.Insecure || c.Insecure
	spec.Keys = s3.Keys{Access: c.Access, Secret: c.Secret, Customer: c.Customer}
}

// namesCloud reports whether a URL or the environment says which cloud a container is in. Many
// clouds have one of the same name, which is Cinder's default.
func namesCloud(spec swift.Spec) bool {
	return cmp.Or(spec.Cloud, spec.Storage, spec.Region, os.Getenv("OS_CLOUD"),
		os.Getenv("OS_AUTH_URL"), os.Getenv("ST_AUTH")) != ""
}

// adoptLogin has the container of Cinder's configuration be read with its login. What it says of
// certificates is about the server of that login, and goes with it.
func adoptLogin(spec *swift.Spec, c cinderconf.Swift) {
	if spec.Container != c.Container || c.User == "" {
		return
	}
	spec.CA = cmp.Or(spec.CA, c.CA)
	spec.Insecure = spec.Insecure || c.Insecure
	spec.Login = swift.Login{User: c.User, Key: c.Key, AuthURL: c.AuthURL, Version: c.Version,
		Project: c.Project, UserDomain: c.UserDomain, ProjectDomain: c.ProjectDomain}
}

// place is where Cinder's configuration says that the backups are, as Options.Share has it.
func place(c cinderconf.Config) string {
	switch {
	case c.S3 != nil:
		query := ""
		if c.S3.Endpoint != "" {
			query = "?endpoint=" + url.QueryEscape(c.S3.Endpoint)
		}
		return s3.Scheme + c.S3.Bucket + query
	case c.Swift != nil:
		return swift.Scheme + c.Swift.Container
	case c.GCS != "":
		return s3.GoogleScheme + c.GCS
	}
	return cmp.Or(c.Share, c.Path)
}
