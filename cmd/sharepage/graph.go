package sharepage

import (
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// graph is how the backups of a volume are on each other: a dot for each, from left to right as
// they were made, with a line to the one that it is an increment of.
type graph struct {
	Width, Height int // pixels
	Dots          []dot
	Lines         []line
}

type dot struct {
	X, Y        int
	R, Side     int // of a circle, of a square
	Class, Says string
	Full        bool
}

type line struct {
	X1, Y1, X2, Y2 int
	Missing        bool // leads to a parent that is not there
}

const (
	graphWidth = 940
	laneHeight = 18
	maxLanes   = 12
	maxDots    = 400 // the newest are drawn
	edge       = 12
)

// graph draws backups of a volume, which are in the order of age.
func (in Input) graph(all []*backupstore.Backup) graph {
	all = all[max(0, len(all)-maxDots):]
	step := min(28, (graphWidth-2*edge)/max(1, len(all)-1))
	step = max(step, 2)
	lanes := lanesOf(all)
	at := map[string]int{}
	g := graph{Width: 2*edge + step*(len(all)-1)}
	high := 0
	for i, b := range all {
		at[b.ID] = i
		high = max(high, lanes[i])
	}
	g.Height = 2*edge + high*laneHeight
	place := func(i int) (x, y int) { return edge + i*step, edge + lanes[i]*laneHeight }
	for i, b := range all {
		x, y := place(i)
		r := min(5, max(2, step/2))
		g.Dots = append(g.Dots, dot{x, y, r, 2 * r, in.sign(b).Class,
			fmt.Sprintf("%s, %s, %s", clean(b.ID, wording.MaxName),
				b.CreatedAt.Format("2006-01-02 15:04"), in.sign(b).What), !b.Incremental()})
		if !b.Incremental() {
			continue
		}
		// Two backups of one id, or a parent that is newer, are of a forged share.
		if from, ok := at[b.ParentID]; ok && from < i {
			x1, y1 := place(from)
			g.Lines = append(g.Lines, line{X1: x1, Y1: y1, X2: x, Y2: y})
		} else if b.Parent() == nil {
			g.Lines = append(g.Lines, line{X1: x - edge + 2, Y1: y, X2: x, Y2: y, Missing: true})
		}
	}
	return g
}

// lanesOf returns in which lane each backup is drawn. A chain goes straight on in one; a second
// backup on one parent begins another, and so does a full one while a chain goes on.
func lanesOf(all []*backupstore.Backup) []int {
	type strand struct{ from, to int } // indexes of backups
	strands, of, tail := []strand{}, make([]int, len(all)), map[string]int{}
	for i, b := range all {
		s, ok := tail[b.ParentID]
		if b.Incremental() && ok {
			delete(tail, b.ParentID)
			strands[s].to = i
		} else {
			s = len(strands)
			strands = append(strands, strand{i, i})
		}
		of[i], tail[b.ID] = s, s
	}
	laneOf, ends := make([]int, len(strands)), []int{} // of each lane, the last index on it
	for s, st := range strands {
		lane := 0
		for lane < len(ends) && ends[lane] >= st.from {
			lane++
		}
		if lane == len(ends) && lane < maxLanes {
			ends = append(ends, 0)
		}
		lane = min(lane, maxLanes-1)
		ends[lane] = max(ends[lane], st.to)
		laneOf[s] = lane
	}
	out := make([]int, len(all))
	for i := range all {
		out[i] = laneOf[of[i]]
	}
	return out
}
