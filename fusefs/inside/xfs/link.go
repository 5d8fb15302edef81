package xfs

import "fmt"

const (
	maxLink   = 1024       // bytes
	linkMagic = 0x58534c4d // "XSLM"
)

// Readlink returns the target of a symbolic link, as its bytes are.
func (f *FS) Readlink(ino uint64) (string, error) {
	in, err := f.visible(ino)
	if err != nil {
		return "", err
	}
	if in.kind() != typeLink {
		return "", fmt.Errorf("read link of inode %d: it is no symbolic link", ino)
	}
	if in.size < 1 || in.size > maxLink {
		return "", corrupt(in.String(), "a symbolic link of %d bytes", in.size)
	}
	if in.data.form == formLocal {
		if in.size > int64(len(in.data.b)) {
			return "", corrupt(in.String(), "a symbolic link of %d bytes, and room for %d", in.size,
				len(in.data.b))
		}
		return text(in.data.b[:in.size]), nil
	}
	target := make([]byte, 0, in.size)
	for block := uint64(0); len(target) < int(in.size); {
		r, err := f.runAt(in, &in.data, block, nil)
		if err != nil {
			return "", fmt.Errorf("read link of inode %d: %w", ino, err)
		}
		if !r.data {
			return "", corrupt(in.String(), "the target of the symbolic link is not there")
		}
		// Neither form has more than that: each extent has a header.
		b, err := f.blocks(r.disk, int(min(r.to-r.from, uint64(2*maxLink+f.bs-1)>>f.sb.logBlock)))
		if err != nil {
			return "", fmt.Errorf("read link of inode %d: %w", ino, err)
		}
		part, err := f.linkPart(in, b, r.disk, len(target))
		if err != nil {
			return "", err
		}
		target = append(target, part...)
		block = r.to
	}
	return text(target), nil
}

// linkPart returns what one extent has of a target of which so many bytes are known.
func (f *FS) linkPart(in *inode, c *cached, block uint64, known int) ([]byte, error) {
	b, left := c.data, int(in.size)-known
	if !f.sb.v5() {
		return b[:min(left, len(b))], nil
	}
	if be.Uint32(b) != linkMagic {
		return nil, corrupt(blockName(block), "no target of a symbolic link is there")
	}
	if err := f.identify(c, block, valueHeader, in.ino,
		"the target of a symbolic link"); err != nil {
		return nil, err
	}
	n := min(left, len(b)-valueHeaderBytes)
	if int(be.Uint32(b[4:])) != known || int(be.Uint32(b[8:])) != n {
		return nil, corrupt(blockName(block), "it has another part of a symbolic link")
	}
	return b[valueHeaderBytes:][:n], nil
}
