package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// cloud says whether there are credentials of a cloud, and with connect whether they are accepted.
func cloud(ctx context.Context, m Machine, connect func(context.Context) error) Finding {
	const check = "cloud"
	const next = "source an openrc file, or name a cloud of clouds.yaml with --os-cloud"
	if connect != nil {
		err := connect(ctx)
		switch {
		case errors.Is(err, cinderapi.ErrCredentials):
			return problem(check, next, "%v", err)
		case err != nil:
			return problem(check, "openstack token issue, in the same environment", "%v", err)
		}
		return ok(check, "logged in, and Cinder answers")
	}
	var found []string
	for _, name := range []string{"OS_CLOUD", "OS_AUTH_URL", "OS_TOKEN", "OS_ENDPOINT"} {
		if m.Env(name) != "" {
			found = append(found, name)
		}
	}
	if file := cloudsFile(m); file != "" {
		found = append(found, file)
	}
	if len(found) == 0 {
		return note(check, next, "no credentials: --volume, --new-volume and records --import "+
			"need some, nothing else does")
	}
	return ok(check, "credentials in %s, not tried (--cloud does)", strings.Join(found, ", "))
}

// cloudsFile returns the clouds.yaml that the OpenStack clients would use, "" for none.
func cloudsFile(m Machine) string {
	places := []string{"/etc/openstack"}
	if m.Config != "" {
		places = slices.Insert(places, 0, filepath.Join(m.Config, "openstack"))
	}
	files := []string{}
	if named := m.Env("OS_CLIENT_CONFIG_FILE"); named != "" {
		files, places = append(files, named), nil
	}
	for _, dir := range places {
		files = append(files, filepath.Join(dir, "clouds.yaml"), filepath.Join(dir, "clouds.yml"))
	}
	for _, file := range files {
		if _, err := os.Stat(m.path(file)); err == nil {
			return file
		}
	}
	return ""
}
