package diskmap

import (
	"fmt"

	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/contents"
)

// Notes are what a picture says beside its cells.
type Notes struct {
	Parts  []contents.Part // of the disk, in its order; nil if it was not looked at
	Proven []string        // when the backup was last proven, in lines
}

// title says what a picture is of, in two lines.
func (m *Map) title() []string {
	name := wording.Quoted(m.Backup.VolumeName())
	if name == "" {
		name = " " + m.Backup.VolumeID
	}
	about := ""
	if !m.Exact {
		about = ", of which a part was looked at"
	}
	return []string{
		"backup " + m.Backup.ID + " of volume" + name,
		fmt.Sprintf("made %s, %s, a cell is %s%s",
			m.Backup.CreatedAt.Format("2006-01-02 15:04:05 MST"), wording.Size(m.Size),
			wording.Size(m.CellBytes), about),
	}
}

// lines say where the partitions are, and what was proven.
func (n Notes) lines() (out []string) {
	for _, p := range n.Parts {
		if p.Number == 0 {
			out = append(out, "the whole disk: "+kindOf(p))
			continue
		}
		out = append(out, fmt.Sprintf("partition %d, from %s to %s: %s", p.Number,
			wording.Size(p.Start), wording.Size(p.Start+p.Size), kindOf(p)))
	}
	return append(out, n.Proven...)
}

func kindOf(p contents.Part) string {
	if p.Kind == "" {
		return "nothing that is known"
	}
	return p.Kind + wording.Quoted(p.Label)
}

// begins returns the numbers of the partitions that begin in a range of the disk.
func (n Notes) begins(off, end int64) (numbers []int) {
	for _, p := range n.Parts {
		if p.Number > 0 && p.Start >= off && p.Start < end {
			numbers = append(numbers, p.Number)
		}
	}
	return numbers
}
