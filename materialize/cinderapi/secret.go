package cinderapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// maxSecret bounds a secret, in bytes; that of a volume has 16 to 64.
const maxSecret = 64 << 10

// KeyManager finds Barbican.
func (c *Client) KeyManager() (*Service, error) {
	url := c.settings.get("key_manager_endpoint", "key_manager_endpoint_override")
	if url == "" {
		var err error
		if url, err = c.endpoint("Barbican", "key_manager_endpoint", "key-manager"); err != nil {
			return nil, err
		}
	}
	url = strings.TrimSuffix(strings.TrimRight(url, "/"), "/v1") + "/v1/"
	return &Service{options: c.options, sc: &gophercloud.ServiceClient{ProviderClient: c.provider,
		Endpoint: url, Type: "key-manager"}}, nil
}

// Secret gets what a secret of Barbican holds; s is that of KeyManager. Keys have the type of
// octets, and passphrases that of text, which Barbican answers with 406 when it is asked for the
// other one. The error is an *Error, with status 403 or 404 where the user may not have it.
func (s *Service) Secret(ctx context.Context, id string) (secret []byte, err error) {
	for _, kind := range []string{"application/octet-stream", "text/plain"} {
		call := Call{Op: "get the payload", On: "secret " + id, Method: http.MethodGet,
			Accept: kind, Path: "secrets/" + url.PathEscape(id) + "/payload", Raw: &secret}
		if err = s.Do(ctx, call); err == nil && (len(secret) == 0 || len(secret) > maxSecret) {
			return nil, &Error{Op: call.Op, On: call.On,
				Err: errAnswer{errors.New("the answer is no key")}}
		}
		if StatusOf(err) != http.StatusNotAcceptable {
			break
		}
	}
	return secret, err
}
