package s3

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
)

// The schemes of URLs that this package reads.
const (
	Scheme       = "s3://"
	GoogleScheme = "gs://"
)

// googleEndpoint is where Google's stores speak S3, with an HMAC key for credentials.
const googleEndpoint = "https://storage.googleapis.com"

// Spec is what a URL of a share says: s3://BUCKET[/PREFIX][?NAME=VALUE&...], or gs:// for Google.
type Spec struct {
	Bucket string
	Prefix string // of all keys, clean, without a slash at its ends; "" for none
	// Endpoint is http://HOST[:PORT] or https://...; "": that of the environment, or Amazon's.
	Endpoint string
	Region   string // "": that of the environment, or what the store says
	// Style is "path" or "host", by which the bucket's name is a part of the path or of the host's
	// name; "": host with Amazon and Google, else path.
	Style string
	// CA is the file of the certificates to trust instead of the system's; "": those.
	CA       string
	Insecure bool // any certificate will do
	// Profile and Credentials name a profile and the file that it is in, as of the AWS clients.
	Profile, Credentials string
	Anonymous            bool   // no credentials are sent
	KeyFile              string // of SSE-C, 32 bytes

	// Keys are credentials that are known already, as those of Cinder's configuration. They are in
	// no URL.
	Keys Keys

	text string
}

// Keys are secrets. The zero value is none.
type Keys struct {
	Access, Secret string
	Customer       string // of SSE-C, 32 bytes
}

// String returns the URL as it was given.
func (s Spec) String() string { return s.text }

// Parse parses a URL. Its errors say how one is written.
func Parse(text string) (Spec, error) {
	bad := func(format string, args ...any) (Spec, error) {
		return Spec{}, fmt.Errorf("%q is no bucket such as "+
			"s3://volumebackups?endpoint=https://s3.example.org: %s", text,
			fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(text)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return bad("%v", err)
	}
	if u.User != nil {
		return Spec{}, errors.New("a bucket's URL must not have credentials in it: others can " +
			"read the command line (use the environment or a profile)")
	}
	s := Spec{Bucket: u.Host, Prefix: strings.Trim(path.Clean("/"+u.Path), "/"), text: text}
	switch {
	case u.Scheme == "gs":
		s.Endpoint, s.Region = googleEndpoint, "auto"
	case u.Scheme != "s3":
		return bad("it begins with none of %s and %s", Scheme, GoogleScheme)
	}
	values, err := url.ParseQuery(u.RawQuery)
	switch {
	case err != nil:
		return bad("%v", err)
	case s.Bucket == "":
		return bad("there is no bucket")
	case u.Fragment != "" || u.Opaque != "":
		return bad("there is a # in it")
	case strings.ContainsFunc(s.Bucket+s.Prefix,
		func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("there is a character in it that must not be")
	}
	for name, v := range values {
		if len(v) != 1 {
			return bad("%s is given %d times", name, len(v))
		}
		if err := s.set(name, v[0]); err != nil {
			return bad("%v", err)
		}
	}
	if s.Anonymous && (s.Profile != "" || s.Credentials != "") {
		return bad("anonymous excludes profile and credentials")
	}
	return s, nil
}

func (s *Spec) set(name, value string) error {
	switch name {
	case "endpoint":
		if _, err := endpoint(value); err != nil {
			return err
		}
		s.Endpoint = value
	case "region":
		s.Region = value
	case "style":
		if value != "path" && value != "host" {
			return fmt.Errorf("style=%s is none of path, host", value)
		}
		s.Style = value
	case "ca":
		s.CA = value
	case "profile":
		s.Profile = value
	case "credentials":
		s.Credentials = value
	case "key-file":
		s.KeyFile = value
	case "anonymous":
		return flag(name, value, &s.Anonymous)
	case "insecure":
		return flag(name, value, &s.Insecure)
	default:
		return fmt.Errorf("%s is none of endpoint, region, style, ca, insecure, profile, "+
			"credentials, anonymous, key-file", name)
	}
	return nil
}

func flag(name, value string, to *bool) error {
	switch value {
	case "", "yes":
		*to = true
	case "no":
		*to = false
	default:
		return fmt.Errorf("%s=%s is none of yes, no", name, value)
	}
	return nil
}

// endpoint parses the URL of a server.
func endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("endpoint=%s is no http://HOST[:PORT] or https://HOST[:PORT]", text)
	case u.User != nil:
		return nil, errors.New("an endpoint must not have credentials in it")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("endpoint=%s has more than a host and a port", text)
	}
	return u, nil
}

// isLocal reports whether a host is this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
