package backupstore

import (
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable"
)

// Stats is what a Catalog and its Volumes have done, and the state of the share. Counters only
// grow.
type Stats struct {
	Decoders seekable.Stats

	// VerificationFailures are decoded blocks and objects that did not have their digest, including
	// those that were right when read again.
	VerificationFailures uint64
	HealedBlocks         uint64 // read from another backup
	DamagedBlocks        uint64 // could not be had at all
	// ShareErrors are files and directories that could not be opened or read, except for those that
	// do not exist.
	ShareErrors uint64
	// ShareWaiting is for how long the share has not answered, 0 while it does.
	ShareWaiting time.Duration
}

// counters are the live form of Stats.
type counters struct{ unverified, healed, damaged, share atomic.Uint64 }

// Stats returns what was done so far.
func (c *Catalog) Stats() Stats {
	return Stats{
		Decoders: c.engine.Stats(), VerificationFailures: c.count.unverified.Load(),
		HealedBlocks:  c.count.healed.Load(),
		DamagedBlocks: c.count.damaged.Load(),
		ShareErrors:   c.count.share.Load() + c.files.errors.Load(),
		ShareWaiting:  c.share.Waiting(),
	}
}
