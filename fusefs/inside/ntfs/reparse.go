package ntfs

import (
	"fmt"
	"strings"
)

// What the reparse point of a file may be.
const (
	tagJunction     = 0xa0000003
	tagSymlink      = 0xa000000c
	tagLinuxLink    = 0xa000001d
	tagSocket       = 0x80000023
	tagLinuxFIFO    = 0x80000024
	tagLinuxChar    = 0x80000025
	tagLinuxBlock   = 0x80000026
	tagDeduplicated = 0x80000013
	tagCompact      = 0x80000017 // of the Windows Overlay Filter
)

// reparse returns a file's reparse point and what is in it.
func (n *inode) reparse() (tag uint32, data []byte, err error) {
	a, err := n.first(attrReparse, "")
	if err != nil {
		return 0, nil, err
	}
	b, err := n.f.small(a, maxReparse)
	if err != nil {
		return 0, nil, fmt.Errorf("read the reparse point of %s: %w", recordName(n.number), err)
	}
	if len(b) < 8 || int(le.Uint16(b[4:])) > len(b)-8 {
		return 0, nil, corrupt(recordName(n.number), "its reparse point has %d bytes", len(b))
	}
	return le.Uint32(b), b[8:][:le.Uint16(b[4:])], nil
}

// reparseTag returns what the reparse point of a file is; 0 if that cannot be read.
func (n *inode) reparseTag() uint32 {
	tag, _, err := n.reparse()
	if err != nil {
		return 0
	}
	return tag
}

// checkReadable tells files whose contents are not where those of others are.
func (n *inode) checkReadable() error {
	flags := n.fileFlags()
	told := func(what string) error { return fmt.Errorf("%w: %s", ErrUnsupported, what) }
	if flags&fileReparse != 0 {
		switch tag, _, err := n.reparse(); {
		case err != nil:
			return err
		case tag == tagCompact:
			return told("it is compressed by Windows as the files of the system are (Compact OS)")
		case tag == tagDeduplicated:
			return told("it is deduplicated: its contents are in the store of Windows Server")
		case tag == tagLinuxChar, tag == tagLinuxBlock:
			return told("it is a device of Linux within Windows")
		}
	}
	if flags&(fileOffline|fileRecall) != 0 {
		return told("its contents are not on this disk, but in a cloud or an archive")
	}
	return nil
}

// Readlink returns where a symbolic link or a junction leads, with slashes. What Windows
// calls by a drive or a volume begins with that, and leads nowhere here.
func (f *FS) Readlink(ino uint64) (string, error) {
	n, err := f.inode(ino)
	if err != nil {
		return "", err
	}
	return n.target()
}

func (n *inode) target() (string, error) {
	flags := n.fileFlags()
	if target, ok := n.interix(); ok && flags&(fileSystem|fileReparse) == fileSystem {
		return target, nil
	}
	if flags&fileReparse == 0 {
		return "", fmt.Errorf("read link of %s: it is no symbolic link", recordName(n.number))
	}
	tag, b, err := n.reparse()
	if err != nil {
		return "", err
	}
	if tag == tagLinuxLink && len(b) > 4 {
		return string(b[4:]), checkTarget(n, string(b[4:]))
	}
	names := 8 // bytes before the names
	if tag == tagSymlink {
		names = 12
	} else if tag != tagJunction {
		return "", fmt.Errorf("read link of %s: it is no symbolic link", recordName(n.number))
	}
	if len(b) < names {
		return "", corrupt(recordName(n.number), "its link has %d bytes", len(b))
	}
	at, length := int(le.Uint16(b)), int(le.Uint16(b[2:]))
	if at+length > len(b)-names || length == 0 {
		return "", corrupt(recordName(n.number), "its target has %d bytes at byte %d", length, at)
	}
	target := wideName(b[names+at:][:length])
	if share, ok := strings.CutPrefix(target, `\??\UNC\`); ok {
		target = `\\` + share // of another computer: two slashes, as Windows has it
	} else {
		target = strings.TrimPrefix(target, `\??\`)
	}
	target = strings.ReplaceAll(target, `\`, "/")
	return target, checkTarget(n, target)
}

// checkTarget checks that a target can be that of a link.
func checkTarget(n *inode, target string) error {
	if target == "" || strings.IndexByte(target, 0) >= 0 {
		return corrupt(recordName(n.number), "its target cannot be one: %q", target)
	}
	return nil
}

const interixLink = "IntxLNK\x01"

// interix returns the target of a link as ntfs-3g makes it: in the contents of a system file.
func (n *inode) interix() (string, bool) {
	a, err := n.first(attrData, "")
	if err != nil || a.size < int64(len(interixLink))+2 || a.size > maxReparse ||
		a.flags&(flagCompressed|flagEncrypted) != 0 {
		return "", false
	}
	b, err := n.f.small(a, maxReparse)
	if err != nil || !strings.HasPrefix(string(b), interixLink) {
		return "", false
	}
	target := wideName(b[len(interixLink):])
	return target, checkTarget(n, target) == nil
}
