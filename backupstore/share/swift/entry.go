package swift

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

// entry is what clouds.yaml says of a cloud.
type entry struct {
	auth     gophercloud.AuthOptions
	endpoint gophercloud.EndpointOpts // its interface is public if the entry says none
	tls      *tls.Config
}

// entryOf reads the entry of clouds.yaml to log in with; nil: another login is meant.
func entryOf(s Spec) (*entry, error) {
	name := cmp.Or(s.Cloud, os.Getenv("OS_CLOUD"))
	if s.Login.User != "" || name == "" {
		return nil, nil
	}
	// The library has the environment's region and interface go before those of the entry.
	auth, endpoint, security, err := clouds.Parse(clouds.WithCloudName(name),
		clouds.WithRegion(""), clouds.WithEndpointType(""), clouds.WithCACertPath(s.CA))
	if err != nil {
		return nil, fmt.Errorf("clouds.yaml: %w", err)
	}
	return &entry{auth, endpoint, security}, nil
}
