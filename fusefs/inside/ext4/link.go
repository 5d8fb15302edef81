package ext4

import "fmt"

// Readlink returns the target of a symbolic link, as its bytes are.
func (f *FS) Readlink(ino uint64) (string, error) {
	in, err := f.visible(ino)
	if err != nil {
		return "", err
	}
	if in.kind() != typeLink {
		return "", fmt.Errorf("read link of inode %d: it is no symbolic link", ino)
	}
	if in.flags&flagEncrypt != 0 {
		return "", fmt.Errorf("read link of inode %d: %w: its target is encrypted", ino,
			ErrUnsupported)
	}
	if f.fastLink(in) {
		return text(in.iblock()[:in.size]), nil
	}
	// The kernel takes no target of more than a block, nor of more than 4095 bytes.
	if in.size < 1 || in.size > f.bs || in.size > 4096 {
		return "", corrupt(in.String(), "a symbolic link of %d bytes", in.size)
	}
	file, err := f.contents(in)
	if err != nil {
		return "", err
	}
	p := make([]byte, in.size)
	if _, err := file.ReadAt(p, 0); err != nil {
		return "", err
	}
	return text(p), nil
}

// fastLink says whether the target is in the inode in place of the map of blocks.
func (f *FS) fastLink(in *inode) bool {
	if in.flags&(flagInline|flagExtents) != 0 || in.size >= mapBytes || in.size == 0 {
		return false
	}
	if f.sb.incompat&incompatEAInode != 0 {
		return true
	}
	own := f.blocks512(in) // less that of extended attributes
	if fileACL(in) != 0 {
		own -= 1 << (f.sb.logCluster - 9)
	}
	return own == 0
}
