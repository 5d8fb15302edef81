package inspect

import (
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
)

// VerifyOptions are what the flags of verify ask for.
type VerifyOptions struct {
	console.Console
	Source  source.Options
	Given   cmdline.Given // for a command that repeats them
	Memory  process.Memory
	Backups []string // as they were named; none for those that are chosen
	// Without Backups all are chosen, or those of Volume (all that it could name) and of the
	// filter, whose States do not count. Chosen says that one of these was given: then that there
	// is none is an error.
	report.Filter
	Volume string
	Chosen bool
	Jobs   int     // objects that are read in parallel, 0: one for each processor
	Part   float64 // of the blocks with data that are verified, 0 for all
	Record places.Record
	Target string // "": the backups are verified; else it is compared with the one backup

	bytes int64 // of memory for each large user
}
