package swift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
)

// isLogin reports whether a request asks Keystone for a token.
func isLogin(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/tokens")
}

// errNoLogin says that nothing says how to log in.
var errNoLogin = errors.New("nothing says how to log in: set the variables of an openrc " +
	"(OS_AUTH_URL and so on), OS_CLOUD or cloud=NAME in the URL for an entry of clouds.yaml, or " +
	"ST_AUTH, ST_USER and ST_KEY for auth version 1")

// logIn returns a client of the account, by the entry of clouds.yaml if there is one.
func logIn(ctx context.Context, s Spec, e *entry, by http.RoundTripper) (
	*gophercloud.ServiceClient, error) {
	switch l := s.Login; {
	case l.User != "" && (l.Version == "" || strings.HasPrefix(l.Version, "1")):
		return logIn1(ctx, s, by, l)
	case l.User != "":
		auth := gophercloud.AuthOptions{
			IdentityEndpoint: l.AuthURL, Username: l.User, Password: l.Key, TenantName: l.Project,
			DomainName: cmp.Or(l.UserDomain, "Default"), AllowReauth: true,
		}
		if l.Project != "" {
			auth.Scope = &gophercloud.AuthScope{ProjectName: l.Project,
				DomainName: cmp.Or(l.ProjectDomain, "Default")}
		}
		return logIn3(ctx, s, by, auth, gophercloud.EndpointOpts{})
	case e != nil:
		return logIn3(ctx, s, by, e.auth, e.endpoint)
	case os.Getenv("OS_AUTH_URL") != "":
		auth, err := openrc()
		if err != nil {
			return nil, err
		}
		return logIn3(ctx, s, by, auth, gophercloud.EndpointOpts{})
	case os.Getenv("ST_AUTH") != "":
		return logIn1(ctx, s, by, Login{User: os.Getenv("ST_USER"), Key: os.Getenv("ST_KEY"),
			AuthURL: os.Getenv("ST_AUTH")})
	}
	return nil, errNoLogin
}

// logIn3 logs in to Keystone, and finds the account in its catalogue.
func logIn3(ctx context.Context, s Spec, by http.RoundTripper, auth gophercloud.AuthOptions,
	endpoint gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error) {
	auth.AllowReauth = auth.TokenID == ""
	client := clientOf(s, auth.IdentityEndpoint, by)
	provider, err := config.NewProviderClient(ctx, auth, config.WithHTTPClient(client))
	said, refused := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	if refused && isRedirect(said.Actual) {
		return nil, fmt.Errorf("log in at %s: the server answers %d (%s)", auth.IdentityEndpoint,
			said.Actual, redirected)
	}
	if err != nil {
		return nil, fmt.Errorf("log in at %s: %w", auth.IdentityEndpoint, err)
	}
	if s.Storage != "" {
		return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: s.Storage}, nil
	}
	endpoint.Region = cmp.Or(s.Region, endpoint.Region, os.Getenv("OS_REGION_NAME"))
	endpoint.Availability = cmp.Or(gophercloud.Availability(s.Interface), endpoint.Availability,
		gophercloud.Availability(strings.TrimSuffix(os.Getenv("OS_INTERFACE"), "URL")))
	account, err := openstack.NewObjectStorageV1(provider, endpoint)
	if err != nil {
		return nil, fmt.Errorf("find the object store in the cloud's catalogue (region=NAME, "+
			"interface=internal or storage=URL in the URL may help): %w", err)
	}
	return account, nil
}

// logIn1 logs in by auth version 1: the answer to one request has the account and a token.
func logIn1(ctx context.Context, s Spec, by http.RoundTripper, l Login) (*gophercloud.ServiceClient,
	error) {
	client := clientOf(s, l.AuthURL, by)
	ask := func(ctx context.Context) (account, token string, err error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.AuthURL, nil)
		if err != nil {
			return "", "", err
		}
		r.Header.Set("X-Auth-User", l.User)
		r.Header.Set("X-Auth-Key", l.Key)
		resp, err := client.Do(r)
		if err != nil {
			return "", "", err
		}
		resp.Body.Close()
		if isRedirect(resp.StatusCode) {
			return "", "", fmt.Errorf("the server answers %s (%s)", resp.Status, redirected)
		}
		account, token = resp.Header.Get("X-Storage-Url"), resp.Header.Get("X-Auth-Token")
		if resp.StatusCode/100 != 2 || account == "" || token == "" {
			return "", "", fmt.Errorf("the server answers %s", resp.Status)
		}
		return account, token, nil
	}
	account, token, err := ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("log in at %s as %s: %w", l.AuthURL, l.User, err)
	}
	provider := &gophercloud.ProviderClient{HTTPClient: client}
	provider.UseTokenLock()
	provider.SetToken(token)
	provider.ReauthFunc = func(ctx context.Context) error {
		_, token, err := ask(ctx)
		if err == nil {
			provider.SetToken(token)
		}
		return err
	}
	return &gophercloud.ServiceClient{ProviderClient: provider,
		Endpoint: cmp.Or(s.Storage, account)}, nil
}
