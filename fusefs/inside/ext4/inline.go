package ext4

// inlineData returns what an inode with inline data holds: what is in place of
// the map of blocks, and the rest in an extended attribute of its own.
func (f *FS) inlineData(in *inode) ([]byte, error) {
	entries, err := f.inodeXattrs(in)
	if err != nil {
		return nil, err
	}
	data := append(make([]byte, 0, mapBytes), in.iblock()...)
	for _, e := range entries {
		if e.index == xattrSystem && e.name == "data" {
			if e.inode != 0 {
				return nil, corrupt(in.String(), "its inline data is said to be in inode %d",
					e.inode)
			}
			data = append(data, e.value...)
		}
	}
	return data, nil
}
