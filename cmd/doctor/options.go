package doctor

import (
	"context"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
)

// Options say what the machine is examined for.
type Options struct {
	Machine Machine
	Version string // of the program
	Share   locate.Options
	// ShareFlags are the words that name the share in other commands.
	ShareFlags []string
	Cache      places.Cache
	Memory     int64         // in bytes, that a command would use
	Wait       time.Duration // for the share
	// Cloud logs in to the cloud; nil: only credentials are looked for.
	Cloud func(context.Context) error
}
