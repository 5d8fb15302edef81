package ntfs

const (
	volumeDirty  = 0x1
	logPage      = 4096
	logNoClient  = 0xffff
	logClean     = 0x2
	restartMagic = "RSTR"
	restartPages = 2
)

// readVolume reads the name of the volume and how it was left.
func (f *FS) readVolume() {
	n, err := f.inode(recordVolume)
	if err != nil {
		f.note("what the volume says of itself cannot be read: %v", err)
		f.info.Journal = "not replayed: it cannot be told whether it was in use"
		return
	}
	if a, err := n.first(attrVolumeName, ""); err == nil && a.resident {
		f.info.Label = wideName(a.value)
	}
	dirty := false
	if a, err := n.first(attrVolume, ""); err == nil && a.resident && len(a.value) >= 12 {
		dirty = le.Uint16(a.value[10:])&volumeDirty != 0
	}
	clean, err := f.logClean()
	switch {
	case err != nil:
		f.info.Journal = "not replayed: it cannot be read"
		f.note("the log cannot be read: %v", err)
	case !clean:
		f.info.Journal = "not replayed: the volume was in use, and what was changed last may " +
			"be missing or half done"
	case dirty:
		f.info.Journal = "not replayed: the volume is marked for a check"
	default:
		f.info.Journal = "clean"
	}
}

// logClean says whether the log has nothing to replay: the newer of the two pages that it
// begins with says so, or it was emptied.
func (f *FS) logClean() (clean bool, err error) {
	n, err := f.inode(recordLog)
	if err != nil {
		return false, err
	}
	log, err := n.open(attrData, "")
	if err != nil {
		return false, err
	}
	page := make([]byte, logPage)
	newest, known := uint64(0), false
	for i := range int64(restartPages) {
		if err := log.meta(page, i*logPage); err != nil {
			return false, err
		}
		if i == 0 && emptied(page) {
			return true, nil
		}
		at := int(le.Uint16(page[24:]))
		if string(page[:4]) != restartMagic || at < 28 || at > sectorBytes-18 {
			continue
		}
		if lsn := le.Uint64(page[at:]); !known || lsn > newest {
			newest, known = lsn, true
			clean = le.Uint16(page[at+12:]) == logNoClient || le.Uint16(page[at+14:])&logClean != 0
		}
	}
	if !known {
		return false, corrupt("the log", "it has no beginning")
	}
	return clean, nil
}

// emptied says whether a page of the log is as mkntfs and ntfsfix leave it.
func emptied(page []byte) bool {
	for _, c := range page {
		if c != 0xff {
			return false
		}
	}
	return true
}
