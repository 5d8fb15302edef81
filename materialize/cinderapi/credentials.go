package cinderapi

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// ErrCredentials is wrapped by all errors about missing or contradicting
// credentials.
var ErrCredentials = errors.New("no usable credentials of the cloud")

// Credentials are what it takes to log in at a cloud. Nothing of them is read from the environment
// or a file again: neither what these hold later counts, nor a change of the working directory.
type Credentials struct {
	settings settings
	kind     kind
	auth     gophercloud.AuthOptions // but for noauth
	tls      *tls.Config
}

// ReadCredentials reads the credentials of a cloud: an entry of clouds.yaml, or for "" what
// [Options.Cloud] says. It asks nothing of the cloud. The error wraps ErrCredentials, or is one of
// reading a file.
func ReadCredentials(cloud string) (*Credentials, error) {
	s, err := readSettings(cloud)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	c := &Credentials{settings: s}
	if c.kind, err = s.kind(); err != nil {
		return nil, err
	}
	if c.tls, err = s.tls(); err != nil {
		return nil, err
	}
	if c.kind == noauth {
		_, _, err = s.withoutKeystone()
	} else {
		c.auth, err = s.authOptions(c.kind)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// kind is a way to log in.
type kind int

const (
	byPassword kind = iota
	byToken
	byApplicationCredential
	noauth
)

func (s settings) missing(what string) error {
	if len(s.values) == 0 {
		return fmt.Errorf("%w: source an openrc file, or name a cloud of clouds.yaml with "+
			"--os-cloud or OS_CLOUD", ErrCredentials)
	}
	return fmt.Errorf("%w: %s is not set", ErrCredentials, what)
}

// kind decides how to log in: as auth_type says, else by the credentials that
// are set.
func (s settings) kind() (kind, error) {
	switch t := s.get("auth_type"); t {
	case "":
	case "password", "v3password":
		return byPassword, nil
	case "token", "v3token":
		return byToken, nil
	case "v3applicationcredential":
		return byApplicationCredential, nil
	case "noauth", "none":
		return noauth, nil
	default:
		return 0, fmt.Errorf(
			"%w: %s is %q, which is not supported; log in with the openstack client, "+
				"take a token (openstack token issue), and set OS_TOKEN and OS_AUTH_TYPE=token",
			ErrCredentials, s.name("auth_type"), t)
	}
	switch {
	case s.get("application_credential_id", "application_credential_name") != "":
		return byApplicationCredential, nil
	case s.get("token", "auth_token") != "" && s.get("password") == "":
		return byToken, nil
	}
	return byPassword, nil
}

// domain is a domain, either by id or by name.
type domain struct{ id, name string }

// domainOf finds the domain of a user or project: by its own setting, else the
// general one, else the default domain.
func (s settings) domainOf(whose string) domain {
	for _, d := range []domain{
		{s.get(whose + "_domain_id"), s.get(whose + "_domain_name")},
		{s.get("domain_id"), s.get("domain_name")},
		{s.get("default_domain_id", "default_domain"), s.get("default_domain_name")},
	} {
		if d.id != "" {
			return domain{id: d.id}
		}
		if d.name != "" {
			return d
		}
	}
	return domain{id: "default"} // as keystoneauth guesses; every new Keystone has it
}

// scope is what the token is to be used for, nil if the settings do not say.
func (s settings) scope() *gophercloud.AuthScope {
	id, name := s.get("project_id", "tenant_id"), s.get("project_name", "tenant_name")
	switch {
	case s.get("trust_id") != "":
		return &gophercloud.AuthScope{TrustID: s.get("trust_id")}
	case id != "":
		return &gophercloud.AuthScope{ProjectID: id}
	case name != "":
		d := s.domainOf("project")
		return &gophercloud.AuthScope{ProjectName: name, DomainID: d.id, DomainName: d.name}
	}
	return nil
}

// authOptions returns what gophercloud needs for Keystone. gophercloud's own
// AuthOptionsFromEnv does not know OS_USER_DOMAIN_NAME and
// OS_PROJECT_DOMAIN_NAME.
func (s settings) authOptions(k kind) (gophercloud.AuthOptions, error) {
	o := gophercloud.AuthOptions{IdentityEndpoint: s.get("auth_url")}
	if o.IdentityEndpoint == "" {
		return o, s.missing(s.name("auth_url") + " (the address of Keystone)")
	}
	if k == byToken {
		if o.TokenID = s.get("token", "auth_token"); o.TokenID == "" {
			return o, s.missing(s.name("token"))
		}
		o.Scope = s.scope()
		return o, nil
	}
	o.AllowReauth = true
	if k == byApplicationCredential {
		o.ApplicationCredentialSecret = s.get("application_credential_secret")
		if o.ApplicationCredentialSecret == "" {
			return o, s.missing(s.name("application_credential_secret"))
		}
		if o.ApplicationCredentialID = s.get(
			"application_credential_id"); o.ApplicationCredentialID != "" {
			return o, nil
		}
		if o.ApplicationCredentialName = s.get(
			"application_credential_name"); o.ApplicationCredentialName == "" {
			return o, s.missing(s.name("application_credential_id"))
		}
		return o, s.user(&o)
	}
	if err := s.user(&o); err != nil {
		return o, err
	}
	if o.Password = s.get("password"); o.Password == "" {
		return o, s.missing(s.name("password"))
	}
	if o.Scope = s.scope(); o.Scope == nil {
		return o, s.missing(s.name("project_id") + " or " + s.name("project_name"))
	}
	return o, nil
}

// user fills in the user.
func (s settings) user(o *gophercloud.AuthOptions) error {
	if o.UserID = s.get("user_id", "userid"); o.UserID != "" {
		return nil // gophercloud accepts neither a name nor a domain with an id
	}
	if o.Username = s.get("username", "user_name"); o.Username == "" {
		return s.missing(s.name("username") + " or " + s.name("user_id"))
	}
	d := s.domainOf("user")
	o.DomainID, o.DomainName = d.id, d.name
	return nil
}

// tls returns the TLS configuration.
func (s settings) tls() (*tls.Config, error) {
	insecure := false
	for _, n := range []string{"insecure", "verify"} {
		if v := s.get(n); v != "" {
			b, err := truth(v)
			if err != nil {
				return nil, fmt.Errorf("%w: %s is %w", ErrCredentials, s.name(n), err)
			}
			insecure = b == (n == "insecure")
		}
	}
	c := &tls.Config{InsecureSkipVerify: insecure, MinVersion: tls.VersionTLS12}
	if ca := s.get("cacert"); ca != "" {
		pem, err := os.ReadFile(home(ca))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.name("cacert"), err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s has no certificate in PEM format: %s", ErrCredentials,
				s.name("cacert"), ca)
		}
	}
	cert, key := s.get("cert"), s.get("key")
	switch {
	case cert == "" && key != "":
		return nil, s.missing(s.name("cert") + " (with " + s.name("key") + ")")
	case cert != "":
		// One file may hold both.
		pair, err := tls.LoadX509KeyPair(home(cert), home(cmp.Or(key, cert)))
		if err != nil {
			return nil, fmt.Errorf("read %s and %s: %w", s.name("cert"), s.name("key"), err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// truth parses a boolean as the OpenStack clients do.
func truth(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "yes", "on", "y":
		return true, nil
	case "no", "off", "n":
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%q, not true or false", v)
	}
	return b, nil
}

// home expands ~/ as the clients do in clouds.yaml.
func home(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if dir, err := os.UserHomeDir(); err == nil {
			return filepath.Join(dir, rest)
		}
	}
	return path
}
