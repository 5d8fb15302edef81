package files

import (
	"fmt"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// tree is the file system in a part, once it was opened.
type tree struct {
	part *inside.Part
	fs   inside.FS
	err  error
	disk int64 // bytes of the disk; a volume can claim more
}

// Types of files in a mode.
const (
	typeMask    = 0xf000
	typeFIFO    = 0x1000
	typeChar    = 0x2000
	typeDir     = 0x4000
	typeBlock   = 0x6000
	typeRegular = 0x8000
	typeLink    = 0xa000
	typeSocket  = 0xc000
)

// Node is a file of any type inside a disk.
type Node struct {
	Path string // absolute within its file system, without links; bytes
	Ino  uint64
	Attr inside.Attr

	tree *tree
}

// Part returns the part of the disk in which a file lies.
func (n *Node) Part() *inside.Part { return n.tree.part }

// Name returns the last name of the path, "" for the root.
func (n *Node) Name() string { return base(n.Path) }

func (n *Node) is(kind uint32) bool { return n.Attr.Mode&typeMask == kind }

// IsDir says whether it is a directory.
func (n *Node) IsDir() bool { return n.is(typeDir) }

// IsRegular says whether it is a regular file.
func (n *Node) IsRegular() bool { return n.is(typeRegular) }

// IsLink says whether it is a symbolic link.
func (n *Node) IsLink() bool { return n.is(typeLink) }

// IsDevice says whether it is a device.
func (n *Node) IsDevice() bool { return n.is(typeBlock) || n.is(typeChar) }

// Kind names the type of the file.
func (n *Node) Kind() string {
	switch n.Attr.Mode & typeMask {
	case typeDir:
		return "directory"
	case typeRegular:
		return "file"
	case typeLink:
		return "symlink"
	case typeFIFO:
		return "fifo"
	case typeChar:
		return "character device"
	case typeBlock:
		return "block device"
	case typeSocket:
		return "socket"
	}
	return "unknown"
}

// Target returns what a symbolic link says.
func (n *Node) Target() (string, error) {
	if !n.IsLink() {
		return "", nil
	}
	return n.tree.fs.Readlink(n.Ino)
}

// xattrs returns the extended attributes of a file. Those of NTFS are streams: one that cannot be
// read is told, and the file is as good without it. Others can say who may read the file.
func (n *Node) xattrs(told func(path string, err error)) ([]inside.Xattr, error) {
	list, err := n.tree.fs.Xattrs(n.Ino)
	if err != nil && n.tree.fs.Info().Kind == "NTFS" {
		told(n.Path, fmt.Errorf("it is there without some of its streams: %w", err))
		err = nil
	}
	return list, err
}

// maxPath bounds the bytes of a path: a walk keeps those of all directories that it is
// in. It is four times what Linux takes as one.
const maxPath = 16 << 10

// child returns what a directory has under a name.
func (n *Node) child(name string, ino uint64) (*Node, error) {
	path := join(n.Path, name)
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("its path is longer than %d bytes: it is left out", maxPath)
	}
	attr, err := n.tree.fs.Stat(ino)
	if err != nil {
		return nil, err
	}
	return &Node{Path: path, Ino: ino, Attr: attr, tree: n.tree}, nil
}

// root returns the root directory.
func (t *tree) root() (*Node, error) {
	attr, err := t.fs.Stat(t.fs.Root())
	if err != nil {
		return nil, err
	}
	return &Node{Path: "/", Ino: t.fs.Root(), Attr: attr, tree: t}, nil
}
