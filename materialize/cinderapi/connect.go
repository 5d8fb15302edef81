package cinderapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// Options say which cloud to use, and how long to wait for it.
type Options struct {
	// Cloud is an entry of clouds.yaml. "" means OS_CLOUD or, if that is not set, the OS_*
	// variables of an openrc.
	Cloud string
	// CallTimeout bounds one attempt of a call, including its answer; 0 means a minute.
	CallTimeout time.Duration
	// Patience bounds a call with all its repetitions; 0 means three minutes.
	Patience time.Duration
	Logger   *slog.Logger

	pause time.Duration // before the second attempt; 0 means half a second
}

// Client is a session with a cloud. Its own calls go to Cinder. It may be used by many goroutines.
type Client struct {
	*Service
	settings settings
	provider *gophercloud.ProviderClient
	project  string
	catalog  []tokens.CatalogEntry
	poll     time.Duration // interval of looking at a volume that is changing; 0: half a second
}

// Connect reads the credentials, logs in and finds Cinder. The error wraps ErrCredentials if the
// credentials cannot be used, and is an *Error if a call failed.
func Connect(ctx context.Context, o Options) (*Client, error) {
	c, err := ReadCredentials(o.Cloud)
	if err != nil {
		return nil, err
	}
	return c.Connect(ctx, o)
}

// Connect logs in with credentials that were read before, and finds Cinder; o.Cloud does not count.
// The errors are those of [Connect].
func (known *Credentials) Connect(ctx context.Context, o Options) (*Client, error) {
	o.CallTimeout, o.Patience = cmp.Or(o.CallTimeout, time.Minute), cmp.Or(o.Patience,
		3*time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{settings: known.settings}
	var err error
	if known.kind == noauth {
		c.provider, c.project, err = known.settings.withoutKeystone()
	} else {
		c.provider, err = openstack.NewClient(known.auth.IdentityEndpoint)
	}
	if err != nil {
		return nil, err
	}
	c.provider.HTTPClient = httpClient(known.tls, o.CallTimeout)
	if known.kind != noauth {
		err = c.logIn(ctx, o, known.auth)
	}
	if err == nil {
		err = c.findCinder(ctx, o)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.provider.HTTPClient.CloseIdleConnections() }

// ProjectID is the project of the token, "" if it has none.
func (c *Client) ProjectID() string { return c.project }

// httpClient bounds the time of a call and the size of its answer, and follows no redirects.
func httpClient(tlsConfig *tls.Config, timeout time.Duration) http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = tlsConfig
	return http.Client{
		Transport: boundedTransport{t},
		Timeout:   timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// withoutKeystone is for a Cinder with auth_strategy=noauth, which trusts the user and project in
// the token.
func (s settings) withoutKeystone() (*gophercloud.ProviderClient, string, error) {
	project := s.get("project_id", "tenant_id", "project_name", "tenant_name")
	if project == "" {
		return nil, "", s.missing(s.name("project_id"))
	}
	if s.volumeEndpoint() == "" {
		return nil, "", s.missing(s.name("volume_endpoint") +
			" (the address of Cinder, which no catalogue tells without Keystone)")
	}
	p := new(gophercloud.ProviderClient)
	p.UseTokenLock()
	p.SetToken(cmp.Or(s.get("user_id", "username"), "admin") + ":" + project)
	return p, project, nil
}

// logIn gets a token from Keystone, and the catalogue that comes with it.
func (c *Client) logIn(ctx context.Context, o Options, auth gophercloud.AuthOptions) error {
	log := func(a gophercloud.AuthOptions) error {
		call := Call{Op: "log in at Keystone " + auth.IdentityEndpoint, repeat: true}
		return retry(ctx, o, call, func(ctx context.Context) error {
			return openstack.AuthenticateV3(ctx, c.provider, &a, gophercloud.EndpointOpts{})
		})
	}
	var err error
	if auth.TokenID == "" {
		err = log(auth)
	} else {
		// Try the token unscoped first: not every cloud lets a token be exchanged for another.
		asItIs := auth
		asItIs.Scope = nil
		if err = log(asItIs); err == nil && !c.isFor(auth.Scope) {
			err = log(auth)
		}
	}
	if err != nil {
		return err
	}
	result := c.token()
	catalog, err := result.ExtractServiceCatalog()
	if err != nil {
		return fmt.Errorf("log in at Keystone %s: its answer makes no sense: %w",
			auth.IdentityEndpoint, err)
	}
	c.catalog = catalog.Entries
	if p, err := result.ExtractProject(); err == nil && p != nil {
		c.project = p.ID
	}
	return nil
}

// tokenResult is what gophercloud's two types of results of logging in have in common.
type tokenResult interface {
	ExtractServiceCatalog() (*tokens.ServiceCatalog, error)
	ExtractProject() (*tokens.Project, error)
}

func (c *Client) token() tokenResult {
	r, _ := c.provider.GetAuthResult().(tokenResult) // both types implement it
	return r
}

// isFor reports whether the token is already that of the wanted project.
func (c *Client) isFor(scope *gophercloud.AuthScope) bool {
	if scope == nil {
		return true
	}
	p, err := c.token().ExtractProject()
	return err == nil && p != nil && (p.ID == scope.ProjectID ||
		scope.ProjectName != "" && p.Name == scope.ProjectName &&
			(p.Domain.ID == scope.DomainID || p.Domain.Name == scope.DomainName))
}

// volumeEndpoint is the address of Cinder in the settings, "" if there is none.
func (s settings) volumeEndpoint() string {
	names := []string{"volume_endpoint", "volume_endpoint_override",
		"block_storage_endpoint_override"}
	if k, err := s.kind(); err == nil && k == noauth {
		// Cinder's only if there is no Keystone
		names = append(names, "cinder_endpoint", "endpoint")
	}
	return s.get(names...)
}

// findCinder finds Cinder's address and chooses the newest microversion that this package knows.
func (c *Client) findCinder(ctx context.Context, o Options) error {
	url := c.settings.volumeEndpoint()
	if url == "" {
		var err error
		if url, err = c.endpoint("Cinder", "volume_endpoint", "volumev3", "block-storage",
			"block-store", "volume"); err != nil {
			return err
		}
	}
	root, url := inProject(url, c.project)
	c.Service = &Service{options: o, sc: &gophercloud.ServiceClient{ProviderClient: c.provider,
		Endpoint: url, Type: "block-storage"}}
	return c.chooseMicroversion(ctx, root)
}

// Compute finds Nova. Calls to it have no microversion except that of Call.Microversion.
func (c *Client) Compute() (*Service, error) {
	url := c.settings.get("compute_endpoint", "compute_endpoint_override")
	if url == "" {
		var err error
		if url, err = c.endpoint("Nova", "compute_endpoint", "compute"); err != nil {
			return nil, err
		}
	}
	return &Service{
		options: c.options,
		sc: &gophercloud.ServiceClient{ProviderClient: c.provider,
			Endpoint: gophercloud.NormalizeURL(url), Type: "compute"},
	}, nil
}

// endpoint finds a service in the catalogue by one of the types, earlier ones first. It does not
// guess among regions.
func (c *Client) endpoint(service, setting string, types ...string) (string, error) {
	s := c.settings
	want := strings.TrimSuffix(cmp.Or(s.get("interface", "endpoint_type"), "public"), "URL")
	region := s.get("region_name")
	var regions, interfaces []string
	for _, t := range types {
		urls, seen := c.endpointsOf(t, want, region, service == "Cinder")
		interfaces = append(interfaces, seen.interfaces...)
		regions = append(regions, seen.regions...)
		slices.Sort(regions)
		regions = slices.Compact(regions)
		switch {
		case len(urls) > 0 && region == "" && len(regions) > 1:
			return "", fmt.Errorf("%w: the cloud has %s in the regions %s: say which one with %s",
				ErrCredentials, service, strings.Join(regions, ", "), s.name("region_name"))
		case len(urls) > 0:
			return urls[0], nil
		}
	}
	slices.Sort(interfaces)
	var hint string
	switch {
	case c.project == "":
		hint = "the token is not for a project: set " + s.name("project_name")
	case len(regions) > 0:
		hint = fmt.Sprintf("it is in the regions %s, %s says %q", strings.Join(regions, ", "),
			s.name("region_name"), region)
	case len(interfaces) > 0:
		hint = fmt.Sprintf("it is there for %s, %s says %q",
			strings.Join(slices.Compact(interfaces), ", "), s.name("interface"), want)
	default:
		hint = fmt.Sprintf("give its address in %s", s.name(setting))
	}
	return "", fmt.Errorf("%w: the cloud's catalogue has no %s: %s", ErrCredentials, service, hint)
}

// offered is what the catalogue has of a type of service: the regions that offer the wanted
// interface, and the other interfaces.
type offered struct{ regions, interfaces []string }

// endpointsOf returns the addresses of a type for an interface, in a region or, if that is "", in
// all. Those of older APIs of Cinder do not count.
func (c *Client) endpointsOf(kind, want, region string, cinder bool) (urls []string, seen offered) {
	for _, entry := range c.catalog {
		for _, e := range entry.Endpoints {
			switch {
			case entry.Type != kind || cinder && olderAPI(e.URL):
				continue
			case e.Interface != want:
				seen.interfaces = append(seen.interfaces, e.Interface)
				continue
			}
			seen.regions = append(seen.regions, cmp.Or(e.RegionID, e.Region))
			if region == "" || e.Region == region || e.RegionID == region {
				urls = append(urls, e.URL)
			}
		}
	}
	return urls, seen
}

// olderAPI reports whether an address of Cinder is that of an API before version 3.
func olderAPI(url string) bool {
	return strings.Contains(url+"/", "/v1/") || strings.Contains(url+"/", "/v2/")
}

// inProject derives from Cinder's address the root of the API, which is the same for all projects,
// and the address for calls of the project.
func inProject(url, project string) (root, inside string) {
	for _, p := range []string{"%(project_id)s", "$(project_id)s", "%(tenant_id)s",
		"$(tenant_id)s"} {
		url = strings.ReplaceAll(url, p, project)
	}
	url = strings.TrimRight(url, "/")
	// the type block-storage has addresses without a version
	if !strings.Contains(url+"/", "/v3/") {
		url += "/v3"
	}
	root = strings.TrimSuffix(url, "/"+project)
	if root == url && project != "" {
		url += "/" + project
	}
	return root + "/", url + "/"
}

// newestKnown is the newest minor microversion that this package was tried with.
const newestKnown = 70

// chooseMicroversion asks Cinder for its newest microversion. If the cloud tells none, calls are
// made without one, which means 3.0.
func (c *Client) chooseMicroversion(ctx context.Context, root string) error {
	var answer struct {
		Versions []struct {
			ID      string `json:"id"`
			Version string `json:"version"`
		} `json:"versions"`
	}
	err := c.Do(ctx, Call{Op: "ask Cinder for its API versions", Method: http.MethodGet, URL: root,
		Into: &answer, OK: []int{200, 300}})
	if e, ok := asError(err); ok && (e.Status >= 400 && e.Status < 500 ||
		errors.As(err, new(errAnswer))) {
		c.options.Logger.Info("Cinder does not tell its API versions; version 3.0 is used",
			"err", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range answer.Versions {
		var minor int
		if _, err := fmt.Sscanf(v.Version, "3.%d", &minor); err == nil && minor > 0 {
			c.sc.Microversion = fmt.Sprintf("3.%d", min(minor, newestKnown))
		}
	}
	return nil
}

// Microversion is the minor version of Cinder's API, version 3, that calls are made with; 0 if
// none.
func (c *Client) Microversion() int {
	var minor int
	fmt.Sscanf(c.sc.Microversion, "3.%d", &minor)
	return minor
}
