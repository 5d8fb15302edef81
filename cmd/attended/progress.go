package attended

import (
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/restore"
)

func stateOf(p restore.Progress) console.State {
	return console.State{
		Stage: p.Stage, Done: p.Done, Total: p.Total, Written: p.Written, Zeroed: p.Zeroed,
		Skipped: p.Skipped, Healed: p.Healed,
	}
}
