package files

// linkBytes bounds the memory for the names of files that have several.
const linkBytes = 16 << 20

// links remembers where files went that have more than one name.
type links struct {
	first map[linkKey]string
	bytes int
	full  bool // some were not remembered
}

type linkKey struct {
	t   *tree
	ino uint64
}

// other returns where a file is already under another name; "" if it is not, and
// then remembers that it is at path.
func (l *links) other(n *Node, path string) string {
	if n.IsDir() || n.Attr.Nlink < 2 {
		return ""
	}
	key := linkKey{n.tree, n.Ino}
	if first, ok := l.first[key]; ok {
		return first
	}
	if l.bytes += len(path) + 64; l.bytes > linkBytes {
		l.bytes, l.full = linkBytes, true
		return ""
	}
	if l.first == nil {
		l.first = map[linkKey]string{}
	}
	l.first[key] = path
	return ""
}

// forget takes back what was remembered of a file, whose copy failed.
func (l *links) forget(n *Node) { delete(l.first, linkKey{n.tree, n.Ino}) }
