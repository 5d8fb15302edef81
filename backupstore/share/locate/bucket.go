package locate

import (
	"context"
	"os"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share/s3"
)

// isBucket reports whether spec is a URL that s3 reads, and not the name of a directory.
func isBucket(spec string) bool {
	if !strings.HasPrefix(spec, s3.Scheme) && !strings.HasPrefix(spec, s3.GoogleScheme) {
		return false
	}
	_, err := os.Stat(spec)
	return err != nil
}

// bucket opens a bucket of an object store.
func (o Options) bucket(ctx context.Context) (*Share, error) {
	spec, err := s3.Parse(o.Share)
	if err != nil {
		return nil, &SpecError{err}
	}
	root, err := s3.Open(ctx, spec, s3.Options{Policy: o.Policy, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	return &Share{Root: root, Given: o.Share, Source: o.Share}, nil
}
