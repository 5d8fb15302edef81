package browse

import (
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/source"
)

// Options are what the flags that these commands have in common ask for.
type Options struct {
	console.Console
	Source  source.Options
	Memory  process.Memory
	Backup  string // as it was named; of [FindAll] the volume
	Overlay string // directory of overlays, "" for none
	Keys    keys.Options
	With    []string // backups of other disks of the server, as they were named
}
