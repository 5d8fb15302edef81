package materialize

import "fmt"

// Identify returns what identifies the device or file of a name (see Target.Key), and its path
// without symbolic links. It changes nothing and may be in use. The key is "" if nothing identifies
// it, or if it does not exist.
func Identify(name string) (key, path string, err error) {
	t := &Target{name: name, blockBytes: 1}
	defer func() { t.Close() }()
	f, err := t.open()
	if err != nil {
		return "", "", err
	}
	switch {
	case t.kind == KindOther:
		return "", "", fmt.Errorf("%s is a %s, not a regular file or block device", t, f.what)
	case t.f == nil && f.unopened != nil:
		return "", "", f.unopened
	case t.kind == KindDevice:
		m := &machine{blocks: map[uint64]*block{}}
		if err := theHost.readBlocks(m); err != nil {
			return "", "", fmt.Errorf("find out what identifies %s: %w", t, err)
		}
		t.key = theHost.deviceKey(m, t.id.rdev)
	}
	return t.key, t.path, nil
}
