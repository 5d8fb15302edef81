package ext4

import (
	"fmt"
	"slices"
)

// replay reads the journal and keeps what it replaces. It never fails: a journal
// that cannot be replayed is told, and the file system is read without it.
func (f *FS) replay(opt Options) {
	why, err := f.tryReplay(opt)
	if err != nil {
		why = "not replayed: " + err.Error()
		f.note("what is shown may be older than what was on the disk, or contradict itself: " +
			"the journal was not replayed")
	}
	f.info.Journal = why
}

func (f *FS) tryReplay(opt Options) (string, error) {
	sb := f.sb
	if sb.compat&compatHasJournal == 0 {
		if sb.state&stateClean == 0 && sb.groupNumber == 0 {
			return "", fmt.Errorf("there is no journal, and the file system was in use")
		}
		return "clean", nil
	}
	backup := sb.groupNumber != 0 // backups do not say whether it was in use
	if sb.incompat&incompatRecover == 0 && !backup {
		return "clean", nil
	}
	if opt.NoReplay {
		return "", fmt.Errorf("as asked")
	}
	j, err := f.openJournal()
	if err != nil {
		return "", err
	}
	if j.start == 0 {
		return "clean", nil
	}
	t, err := readLog(j, int(opt.JournalBytes/replacementBytes))
	if err != nil {
		return "", err
	}
	f.replaced = t.replacements()
	for _, r := range f.replaced {
		if r.how&damaged != 0 {
			f.note("the journal has blocks whose checksum is wrong: what they hold cannot be read")
		}
	}
	if t.damage != "" {
		f.note("the journal ends before commit %d: %s", t.done.tid, t.damage)
	}
	f.cache = newCache(f.cache.limit) // what was read until here is older
	f.rereadSuper()
	done := fmt.Sprintf("replayed to commit %d", t.done.tid-1)
	if j.has(journalFastCommit) {
		n, err := f.readFastCommits(j, t.done.tid, opt.JournalBytes)
		if err != nil {
			f.note("behind commit %d and %d fast commits more were not replayed: %v",
				t.done.tid-1, n, err)
		}
		if n > 0 {
			done += fmt.Sprintf(" and %d fast commits", n)
		}
	}
	return done, nil
}

// rereadSuper takes over what the journal has changed in the superblock: where
// the list of orphans begins, or how large the file system has become.
func (f *FS) rereadSuper() {
	b := make([]byte, superBytes)
	if f.sb.groupNumber != 0 ||
		f.readWithin(b, superOffset>>f.sb.logBlock, superOffset&(f.bs-1)) != nil {
		return
	}
	sb, err := parseSuper(b)
	if err != nil || !superChecksum(b) || sb.checkReadable() != nil || !f.sb.sameGeometry(sb) {
		return
	}
	f.use(sb)
}

// sameGeometry says whether blocks and inodes of two superblocks are in the same places.
func (sb *super) sameGeometry(o *super) bool {
	return sb.logBlock == o.logBlock && sb.logCluster == o.logCluster &&
		sb.groupBlocks == o.groupBlocks &&
		sb.groupInodes == o.groupInodes && sb.inodeBytes == o.inodeBytes &&
		sb.descBytes == o.descBytes &&
		sb.firstData == o.firstData && sb.blocks <= o.blocks && slices.Equal(sb.uuid[:], o.uuid[:])
}
