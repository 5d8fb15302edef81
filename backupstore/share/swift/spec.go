package swift

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Scheme is how a share begins that this package reads.
const Scheme = "swift://"

// Spec is what a URL of a share says: swift://CONTAINER[/PREFIX][?NAME=VALUE&...].
type Spec struct {
	Container string
	Prefix    string // of all names, clean, without a slash at its ends; "" for none
	Cloud     string // of clouds.yaml; "": OS_CLOUD, or the environment
	Region    string // "": that of the cloud's settings
	Interface string // of the endpoint: "" or public, internal, admin
	// Storage is the URL of the account; "": as the catalogue says.
	Storage  string
	CA       string // file of the certificates to trust; "": OS_CACERT, or the system's
	Insecure bool   // any certificate will do

	// Login is how to log in, where that is known already, as from Cinder's configuration.
	Login Login

	text string
}

// Login is what Cinder's configuration says of logging in. The zero value is nothing.
type Login struct {
	User, Key, AuthURL                 string
	Version                            string // of authentication: 1, 2, 3
	Project, UserDomain, ProjectDomain string
}

// String returns the URL as it was given.
func (s Spec) String() string { return s.text }

// Parse parses a URL. Its errors say how one is written.
func Parse(text string) (Spec, error) {
	bad := func(format string, args ...any) (Spec, error) {
		return Spec{}, fmt.Errorf("%q is no container such as swift://volumebackups?cloud=NAME: %s",
			text, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(text)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return bad("%v", err)
	}
	s := Spec{Container: u.Host, Prefix: strings.Trim(path.Clean("/"+u.Path), "/"), text: text}
	switch {
	case u.Scheme != "swift":
		return bad("it does not begin with %s", Scheme)
	case u.User != nil:
		return Spec{}, errors.New("a container's URL must not have credentials in it: others can " +
			"read the command line (use the environment or clouds.yaml)")
	case s.Container == "":
		return bad("there is no container")
	case u.Fragment != "" || u.Opaque != "":
		return bad("there is a # in it")
	case strings.ContainsFunc(s.Container+s.Prefix,
		func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("there is a character in it that must not be")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("%v", err)
	}
	for name, v := range values {
		if len(v) != 1 {
			return bad("%s is given %d times", name, len(v))
		}
		if err := s.set(name, v[0]); err != nil {
			return bad("%v", err)
		}
	}
	return s, nil
}

func (s *Spec) set(name, value string) error {
	switch name {
	case "cloud":
		s.Cloud = value
	case "region":
		s.Region = value
	case "interface":
		if !slices.Contains([]string{"public", "internal", "admin"}, value) {
			return fmt.Errorf("interface=%s is none of public, internal, admin", value)
		}
		s.Interface = value
	case "storage":
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
			u.User != nil {
			return fmt.Errorf("storage=%s is no URL of an account such as "+
				"http://HOST/v1/AUTH_ID", value)
		}
		s.Storage = value
	case "ca":
		s.CA = value
	case "insecure":
		if s.Insecure = value == "" || value == "yes"; !s.Insecure && value != "no" {
			return fmt.Errorf("insecure=%s is none of yes, no", value)
		}
	default:
		return fmt.Errorf("%s is none of cloud, region, interface, storage, ca, insecure", name)
	}
	return nil
}
