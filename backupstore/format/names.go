package format

import "slices"

// knownKeys are all names that Cinder writes (chunkeddriver.py, _write_metadata).
var knownKeys = []string{"version", "backup_id", "backup_name", "backup_description", "created_at",
	"parent_id",
	"volume_id", "volume_meta", "objects", "extra_metadata"}

// names are those that were seen in a _metadata. Nearly always they are known ones, for which
// nothing is allocated.
type names struct {
	known uint64 // by their place in knownKeys
	other map[string]bool
	count int
}

// add reports whether it is the first of that name.
func (n *names) add(name string) bool {
	if n.has(name) {
		return false
	}
	n.count++
	if i := slices.Index(knownKeys, name); i >= 0 {
		n.known |= 1 << i
		return true
	}
	if n.other == nil {
		n.other = map[string]bool{}
	}
	n.other[name] = true
	return true
}

func (n *names) has(name string) bool {
	if i := slices.Index(knownKeys, name); i >= 0 {
		return n.known>>i&1 != 0
	}
	return n.other[name]
}

// kept returns a name as a string, without allocating a known one.
func kept(name []byte) string {
	for _, k := range knownKeys {
		if k == string(name) {
			return k
		}
	}
	return string(name)
}
