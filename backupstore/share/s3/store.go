package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/objects"
)

// store implements objects.Store.
type store struct {
	spec      Spec
	endpoint  *url.URL
	transport *objects.Transport
	policy    share.Policy
	client    *minio.Core
	signing   signing
	key       encrypt.ServerSide // of SSE-C, nil: none
	log       *slog.Logger

	toldKey atomic.Bool // that the server ignores key
}

// String implements objects.Store.
func (s *store) String() string { return s.spec.String() }

// Close implements objects.Store.
func (s *store) Close() { s.transport.CloseIdleConnections() }

// List implements objects.Store.
func (s *store) List(ctx context.Context, prefix string, delimited bool,
	each func(objects.Info) error) error {
	return s.list(ctx, s.client, prefix, minio.ListObjectsOptions{Recursive: !delimited}, each)
}

// list has the client ask for a list, of which pages reads the answers.
func (s *store) list(ctx context.Context, client *minio.Core, prefix string,
	o minio.ListObjectsOptions, each func(objects.Info) error) error {
	l := &listing{bucket: s.spec.Bucket, prefix: prefix, each: each}
	o.Prefix, o.FetchOwner = prefix, new(bool)
	within := context.WithValue(ctx, listingKey{}, l)
	for found := range client.ListObjectsIter(within, s.spec.Bucket, o) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case l.ended != nil:
			return l.ended
		case found.Err != nil:
			return s.failed(ctx, "list", cmp.Or(prefix, s.spec.Bucket), found.Err)
		}
	}
	if ctx.Err() == nil && l.pages == 0 { // as where the client takes the server for a Snowball
		return fmt.Errorf("list %s: no page of it was read: %w", cmp.Or(prefix, s.spec.Bucket),
			errNoList)
	}
	return ctx.Err()
}

// Head implements objects.Store.
func (s *store) Head(ctx context.Context, key string) (objects.Info, error) {
	found, err := s.client.StatObject(ctx, s.spec.Bucket, key,
		minio.StatObjectOptions{ServerSideEncryption: s.key})
	if err != nil {
		return objects.Info{}, s.failed(ctx, "look at", key, err)
	}
	return objects.Info{Key: key, Size: found.Size, ETag: found.ETag,
		Modified: found.LastModified}, nil
}

// Get implements objects.Store.
func (s *store) Get(ctx context.Context, key string, part objects.Part) (objects.Answer, error) {
	o := minio.GetObjectOptions{ServerSideEncryption: s.key}
	o.Set("Range", "bytes="+strconv.FormatInt(part.Off, 10)+"-"+
		strconv.FormatInt(part.Off+part.Len-1, 10))
	if part.ETag != "" {
		o.Set("If-Match", `"`+part.ETag+`"`)
	}
	body, _, header, err := s.client.GetObject(ctx, s.spec.Bucket, key, o)
	if err != nil {
		return objects.Answer{}, s.failed(ctx, "read", key, err)
	}
	const used = "X-Amz-Server-Side-Encryption-Customer-Algorithm"
	if s.key != nil && header.Get(used) == "" && !s.toldKey.Swap(true) {
		s.log.Warn("an object was read without the key of SSE-C that was sent for it: the server "+
			"ignores such keys, or the object was stored without one", "share", s.spec.String(),
			"object", key)
	}
	return objects.Answer{Body: body, Header: header}, nil
}

// failed words an error of the client.
func (s *store) failed(ctx context.Context, op, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if timeout, ok := errors.AsType[*share.TimeoutError](err); ok {
		return fmt.Errorf("%s %s: %w", op, name, timeout)
	}
	said, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok || said.StatusCode == 0 {
		if u, is := errors.AsType[*url.Error](err); is {
			err = u.Err
		}
		return &objects.Error{Op: op, Name: name, Err: err, Help: "is endpoint " +
			s.endpoint.String() + " right, and does its server run?"}
	}
	e := &objects.Error{Op: op, Name: name, Status: said.StatusCode, Says: said.Code}
	if said.Message != "" && said.Message != said.Code {
		e.Says += ": " + clip(said.Message)
	}
	e.Help = s.help(op, said)
	return e
}

// help says what to do about an answer.
func (s *store) help(op string, said minio.ErrorResponse) string {
	who := "credentials of " + s.signing.from
	if s.signing.anonymous {
		who = "no credentials: there are none in the environment (AWS_ACCESS_KEY_ID, " +
			"AWS_SECRET_ACCESS_KEY) and no profile"
	}
	switch {
	case said.StatusCode == http.StatusForbidden || said.StatusCode == http.StatusUnauthorized,
		s.signing.anonymous && said.StatusCode < 500 && said.StatusCode != http.StatusNotFound:
		return "restorefs uses " + who + "; listing the bucket and reading its objects must be " +
			"allowed to them"
	case said.StatusCode == http.StatusNotFound && op == "list":
		return "is the bucket's name right? Some servers say the same of an access key that they " +
			"do not know; restorefs uses " + who
	case said.StatusCode >= 300 && said.StatusCode < 400,
		said.Code == "AuthorizationHeaderMalformed", said.Code == "InvalidRegion":
		return "give the bucket's region, in the URL or as AWS_REGION: region=" +
			cmp.Or(said.Region, "NAME")
	case said.StatusCode == http.StatusTooManyRequests || said.StatusCode >= 500:
		return "the server asks to be left alone, or fails; restorefs has asked again for a while"
	}
	return ""
}

// clip shortens what a server says.
func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "..."
	}
	return s
}
