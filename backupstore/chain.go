package backupstore

import "github.com/restorefs/restorefs/backupstore/format"

// maxChain bounds the layers of a chain. An increment every hour makes 8766 a year.
const maxChain = 10000

// resolve completes the Status of every backup: it links each to its parent, and passes the
// problems and sizes of parents on to their children. Its time is linear in the number of backups.
func resolve(s snapshot) {
	for _, b := range s.backups {
		if b.usable && b.Incremental() {
			b.parent = s.byID[b.ParentID]
		}
	}
	var line []*Backup
	for _, b := range s.backups {
		// Ancestors first, so that each is judged once, however long the chain is.
		line = line[:0]
		for l := b; l != nil && l.judging != isJudged; l = l.parent {
			if l.judging == onLine {
				cut(line, l)
				break
			}
			line, l.judging = append(line, l), onLine
		}
		for i := len(line) - 1; i >= 0; i-- {
			judge(line[i])
			line[i].judging = isJudged
		}
	}
}

// judging is how far resolve is with a backup.
type judging uint8

const (
	unjudged judging = iota
	onLine           // its ancestors are being looked for
	isJudged         // its Status is complete
)

// cut breaks the cycle that starts at from: none of its backups can be used.
func cut(line []*Backup, from *Backup) {
	inside := false
	for _, b := range line {
		if inside = inside || b == from; inside {
			b.broken("its parents form a cycle: %s is its own ancestor", b.ID)
			b.usable, b.parent = false, nil
		}
	}
}

// judge determines the state and size of b after those of its parent.
func judge(b *Backup) {
	b.layers = 1
	if p := b.parent; p != nil {
		b.layers += p.layers
	}
	end, culprit := b.DataEnd, b
	switch p := b.parent; {
	case !b.usable, !b.Incremental():
	case p == nil:
		b.broken("its parent %s is not on the share: without it, only what changed since "+
			"then is here", b.ParentID)
	case p.VolumeID != b.VolumeID:
		b.broken("its parent %s is a backup of another volume, %s", p.ID, p.VolumeID)
		b.usable = false
	case b.layers > maxChain:
		b.broken("its chain has more than %d layers", maxChain)
		b.usable = false
	case p.doubtful && b.HasDigests: // the digests are those of the composed volume
		end = max(end, p.chainEnd)
	case p.State != Complete:
		// Name the layer at fault: those in between are not, and a text that grows with each layer
		// is of no help.
		culprit = p.culprit
		kin := "parent"
		if culprit != p {
			kin = "ancestor"
		}
		doubtful := p.doubtful && (b.State == Complete || b.doubtful)
		b.broken("its %s %s is %s: %s", kin, culprit.ID, culprit.State, culprit.Problems[0])
		b.doubtful = doubtful
		end = max(end, p.chainEnd)
	default:
		end = max(end, p.chainEnd)
	}
	if b.State != Complete {
		b.culprit = culprit
	}
	b.composable = b.usable && (!b.Incremental() || b.parent != nil && b.parent.composable)
	b.chainEnd = end
	if !b.usable {
		return
	}
	gib := b.VolumeMeta.SizeBytes()
	switch {
	case gib == 0:
		b.Size = max(end, covered(b.rows, b.rowBytes, end))
	case end > gib:
		b.problem("its data ends at byte %d, beyond the volume's recorded size of %d: "+
			"the larger one counts", end, gib)
		b.Size = end
	default:
		b.Size = gib
	}
}

// coveredBytes is the volume offset at which the digest rows end, given where
// the data ends: the last block may be short.
func coveredBytes(d *format.Digests, end int64) int64 {
	return covered(d.Rows(), d.BlockBytes(), end)
}

func covered(rows, rowBytes, end int64) int64 {
	all := rows * rowBytes
	if end < all && end > all-rowBytes {
		return end
	}
	return all
}
