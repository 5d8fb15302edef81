package sharepage

import (
	"strconv"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// sign is how good a backup is known to be.
type sign struct {
	Class  string // of the style sheet
	What   string
	weight int // above 0: somebody should look at it, the more the higher
}

// signs are all that there are, as the legend has them.
var signs = [...]sign{
	{"good", "all of it was proven", 0},
	{"part", "a part of it was proven", 0},
	{"plain", "not proven yet", 0},
	{"open", "Cinder is writing it, or did not complete it", 0},
	{"healed", "damaged, and another backup had the same bytes when it was proven", 1},
	{"broken", "broken: something of it is missing", 2},
	{"lost", "damaged", 3},
}

// sign returns the one of a backup.
func (in Input) sign(b *backupstore.Backup) sign {
	l := in.Proven.Of(b)
	switch {
	case l.Bad != nil && l.Bad.Lost > 0 && l.Bad.Healed == l.Bad.Lost:
		return signs[4]
	case b.State == backupstore.Broken:
		return signs[5]
	case b.State == backupstore.Incomplete:
		return signs[3]
	case l.Bad != nil:
		return signs[6]
	case l.All != nil && l.All.OK:
		return signs[0]
	case l.Some != nil && l.Some.OK:
		return signs[1]
	}
	return signs[2]
}

// fresh is how long a proof is called one of late.
const fresh = 30 * 24 * time.Hour

// total is a figure of the whole share.
type total struct{ Figure, What, Class string }

// totals are the figures of the whole share.
func (in Input) totals(volumes int, stored int64) []total {
	states, late, damaged := map[backupstore.State]int{}, 0, 0
	for _, b := range in.Backups {
		states[b.State]++
		switch in.sign(b) {
		case signs[4], signs[6]:
			damaged++
		case signs[0]:
			// A time to come is that of a clock that was wrong.
			if age := in.Now.Sub(in.Proven.Of(b).All.At); age >= 0 && age < fresh {
				late++
			}
		}
	}
	out := []total{
		{strconv.Itoa(volumes), "volumes", ""},
		{strconv.Itoa(len(in.Backups)), "backups", ""},
		{wording.Size(stored), "stored", ""},
		{strconv.Itoa(states[backupstore.Complete]), "complete", "good"},
		{strconv.Itoa(states[backupstore.Broken]), "broken", ""},
		{strconv.Itoa(damaged), "damaged", ""},
		{strconv.Itoa(states[backupstore.Incomplete]), "incomplete", ""},
		{strconv.Itoa(late), "proven within 30 days", ""},
	}
	if states[backupstore.Broken] > 0 {
		out[4].Class = "broken"
	}
	if damaged > 0 {
		out[5].Class = "lost"
	}
	return out
}
