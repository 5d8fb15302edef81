package cinderapi

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
)

// settings are the settings of the OpenStack clients, by keystoneauth's names: OS_USER_DOMAIN_NAME
// of the environment and auth.user_domain_name of clouds.yaml are both user_domain_name.
type settings struct {
	values map[string]string
	file   string // the clouds.yaml that they come from, "" for the environment
	cloud  string
}

// get returns the first of the named settings that is set.
func (s settings) get(names ...string) string {
	for _, n := range names {
		if v := s.values[n]; v != "" {
			return v
		}
	}
	return ""
}

// name is the name of a setting as the operator knows it.
func (s settings) name(setting string) string {
	if s.file == "" {
		return "OS_" + strings.ToUpper(setting)
	}
	return fmt.Sprintf("%q of cloud %q in %s", setting, s.cloud, s.file)
}

// readSettings reads the cloud's entry of clouds.yaml, or the environment when
// cloud is "" and OS_CLOUD is not set.
func readSettings(cloud string) (settings, error) {
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if name, ok := strings.CutPrefix(name, "OS_"); ok && value != "" {
			env[strings.ToLower(name)] = value
		}
	}
	if endpoint := os.Getenv("CINDER_ENDPOINT"); endpoint != "" { // python-cinderclient, for noauth
		env["cinder_endpoint"] = endpoint
	}
	if cloud == "" {
		cloud = env["cloud"]
	}
	if cloud == "" {
		return settings{values: env}, nil
	}
	file, err := findClouds(env["client_config_file"])
	if err != nil {
		return settings{}, err
	}
	values, err := readCloud(file, cloud)
	if err != nil {
		return settings{}, err
	}
	// These choose among what the cloud offers. For them the clients prefer the environment.
	for _, n := range []string{"region_name", "interface", "endpoint_type"} {
		if env[n] != "" {
			values[n] = env[n]
		}
	}
	return settings{values: values, file: file, cloud: cloud}, nil
}

// findClouds searches for clouds.yaml where python-openstackclient does.
func findClouds(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	places := []string{"."}
	if dir, err := os.UserConfigDir(); err == nil {
		places = append(places, filepath.Join(dir, "openstack"))
	}
	places = append(places, "/etc/openstack")
	for _, dir := range places {
		for _, name := range []string{"clouds.yaml", "clouds.yml"} {
			path := filepath.Join(dir, name)
			_, err := os.Stat(path)
			if err == nil {
				return path, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("look for clouds.yaml: %w", err)
			}
		}
	}
	return "", fmt.Errorf("no clouds.yaml in %s; OS_CLIENT_CONFIG_FILE may name one elsewhere",
		strings.Join(places, ", "))
}

// readCloud reads one cloud of clouds.yaml. Settings of secure.yaml in the same directory override
// it, and it overrides its profile in clouds-public.yaml.
func readCloud(file, cloud string) (map[string]string, error) {
	all, err := readClouds(file, "clouds")
	if err != nil {
		return nil, err
	}
	entry, ok := all[cloud]
	if !ok {
		return nil, fmt.Errorf("there is no cloud %q in %s; it has %s", cloud, file,
			strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	beside := func(name string) (string, bool) {
		path := filepath.Join(filepath.Dir(file), name+filepath.Ext(file))
		_, err := os.Stat(path)
		return path, err == nil
	}
	if path, ok := beside("secure"); ok {
		secure, err := readClouds(path, "clouds")
		if err != nil {
			return nil, err
		}
		maps.Copy(entry, secure[cloud])
	}
	if profile := cmp.Or(entry["profile"], entry["cloud"]); profile != "" {
		path, ok := beside("clouds-public")
		if !ok {
			return nil, fmt.Errorf("cloud %q in %s is of profile %q, but there is no %s with it",
				cloud, file, profile, path)
		}
		public, err := readClouds(path, "public-clouds")
		if err != nil {
			return nil, err
		}
		if public[profile] == nil {
			return nil, fmt.Errorf("cloud %q in %s is of profile %q, which %s does not have", cloud,
				file, profile, path)
		}
		maps.Copy(public[profile], entry)
		entry = public[profile]
	}
	return entry, nil
}

// readFile reads a file of settings, or a pipe as a shell gives it in place of one: one that
// nobody writes to is no reason to wait for ever.
func readFile(path string) ([]byte, error) {
	const most, patience = 16 << 20, 5 * time.Second
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_ = f.SetReadDeadline(time.Now().Add(patience)) // a regular file has none and needs none
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%s is a pipe, and nothing was written to it within %v", path, patience)
	case err == nil && len(text) > most:
		err = fmt.Errorf("%s is larger than %d MiB", path, most>>20)
	}
	return text, err
}

// readClouds reads the clouds of a file, the settings of each in one map.
func readClouds(path, section string) (map[string]map[string]string, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read clouds: %w", err)
	}
	// The file has other sections (cache, client, ...) of other shapes.
	var file map[string]yaml.Node
	var all map[string]map[string]yaml.Node
	err = yaml.Unmarshal(text, &file)
	if node, ok := file[section]; ok && err == nil {
		err = node.Decode(&all)
	}
	if err != nil {
		// yaml's errors quote the text at fault, which may be a password.
		return nil, fmt.Errorf("%s is not YAML as clouds.yaml should be: a section %q with an "+
			"entry for each cloud", path, section)
	}
	clouds := map[string]map[string]string{}
	for name, entry := range all {
		flat := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(entry)) { // auth first, as for the clients
			node := entry[key]
			flatten(flat, key, &node, map[*yaml.Node]bool{})
		}
		clouds[name] = flat
	}
	return clouds, nil
}

// flatten adds a scalar under its name, the members of auth under theirs, and the region of a list
// with only one. It does not change what is in flat already. seen holds the nodes of auth that were
// added: a node that an anchor puts into itself, or in many places, adds nothing the second time.
func flatten(flat map[string]string, key string, node *yaml.Node, seen map[*yaml.Node]bool) {
	node = resolved(node)
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag != "!!null":
		if name := strings.ReplaceAll(key, "-", "_"); flat[name] == "" {
			flat[name] = node.Value
		}
	case node.Kind == yaml.MappingNode && key == "auth":
		flattenAuth(flat, node, seen)
	case node.Kind == yaml.SequenceNode && key == "regions" && len(node.Content) == 1:
		flatten(flat, "region_name", node.Content[0], seen)
	}
}

// flattenAuth adds the members of a mapping, then those of the mappings that it merges (<<:
// *common, or <<: [*a, *b], of which the first takes precedence), so that overriding values come
// before those they override. If a member occurs twice the last one counts.
func flattenAuth(flat map[string]string, node *yaml.Node, seen map[*yaml.Node]bool) {
	if seen[node] {
		return
	}
	seen[node] = true
	for i := len(node.Content) - 2; i >= 0; i -= 2 {
		if name := node.Content[i]; name.Tag != "!!merge" && name.Value != "auth" {
			flatten(flat, name.Value, node.Content[i+1], seen)
		}
	}
	for i := len(node.Content) - 2; i >= 0; i -= 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		merged := []*yaml.Node{node.Content[i+1]}
		if list := resolved(merged[0]); list.Kind == yaml.SequenceNode {
			merged = list.Content
		}
		for _, m := range merged {
			if m = resolved(m); m.Kind == yaml.MappingNode {
				flattenAuth(flat, m, seen)
			}
		}
	}
}

// resolved returns the node that an alias stands for, or node itself.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}
