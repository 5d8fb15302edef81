package ext4

const (
	maxOrphans  = 1 << 16 // that are counted
	orphanMagic = 0x0b10ca04
)

// noteOrphans says how many files were deleted while they were still open, or
// were being truncated. Their bytes are on the disk, but no directory names them.
func (f *FS) noteOrphans() {
	n := f.listedOrphans() + f.filedOrphans()
	if n > 0 {
		f.note("files that were deleted but still open, or were being cut: %d", n)
	}
}

// listedOrphans counts the list that begins in the superblock and goes on in
// the time of deletion of each.
func (f *FS) listedOrphans() (n int) {
	for ino := uint64(f.sb.lastOrphan); ino != 0 && n < maxOrphans; n++ {
		raw, err := f.inodeBytes(ino)
		if err != nil {
			break
		}
		if fi := f.fast.inode(ino); fi != nil && fi.raw != nil {
			raw = fi.apply(raw)
		}
		ino = uint64(le.Uint32(raw[20:]))
	}
	return n
}

// filedOrphans counts those in the file that newer file systems keep for it.
func (f *FS) filedOrphans() (n int) {
	if f.sb.compat&compatOrphanFile == 0 || f.sb.ro&roOrphans == 0 {
		return 0
	}
	in, err := f.inode(uint64(f.sb.orphanInode))
	if err != nil || in.kind() != typeRegular {
		return 0
	}
	file, err := f.contents(in)
	if err != nil {
		return 0
	}
	b := make([]byte, f.bs)
	for off := int64(0); off < in.size && off>>f.sb.logBlock < 1024; off += f.bs {
		if got, err := file.ReadAt(b, off); err != nil || got < len(b) ||
			le.Uint32(b[len(b)-8:]) != orphanMagic {
			continue
		}
		for at := 0; at+4 <= len(b)-8; at += 4 {
			if le.Uint32(b[at:]) != 0 {
				n++
			}
		}
	}
	return n
}
