package live

import (
	"errors"
	"os"
	"time"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cache/private/lock"
)

// Progress is what a Volume has done so far. Bytes are of the volume.
type Progress struct {
	Phase    Phase
	Data     int64 // that are not holes in the backup
	Passed   int64 // of Data, that were copied, or were found written or lost
	Copied   int64 // that were read from the backup to be copied
	Zeroed   int64 // of holes, that were made zero
	Proven   int64 // of Data, that were compared
	Repaired int64 // that were wrong on the device, and were written again
	Lost     int64 // that the backup cannot give
}

// Progress returns what was done so far; its numbers are read one after the other.
func (v *Volume) Progress() Progress {
	now := v.snapshot()
	return Progress{Phase: now.phase, Data: now.data, Passed: v.passed.Load(),
		Copied: v.copied.Load(), Zeroed: v.zeroes.Load(),
		Proven: v.proven.Load(), Repaired: v.repaired.Load(), Lost: now.lost}
}

// Status is what a state file says, whoever uses it.
type Status struct {
	Key
	Names
	ID      string // of the restore, as Volume.ID
	Begun   time.Time
	Phase   Phase
	Data    int64  // bytes of the backup that are not holes; 0: not counted yet
	Valid   int64  // bytes of the volume of which the device has what the guest sees
	Guest   int64  // of these, what the guest wrote or may have written
	Lost    int64  // bytes that the backup cannot give
	Running bool   // a process is at it
	Process string // which, as far as that can be told: " (process 123, restorefs)"
}

// Inspect returns what a state file says. Of a restore that is running the map may be some seconds
// old. The error is ErrNone, ErrDamaged or ErrVersion.
func Inspect(path string) (Status, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|private.Flags, 0)
	if err != nil {
		return Status{}, err
	}
	defer f.Close()
	if err := private.Check(f); err != nil {
		return Status{}, err
	}
	var s Status
	switch err := lock.Try(f, lock.Shared); {
	case errors.Is(err, lock.ErrHeld):
		s.Running, s.Process = true, lock.Holder(path)
	case err == nil:
		_ = lock.Release(f) // a process that begins now must not find it locked
	}
	h, last, err := readFile(osFile{f})
	if err != nil {
		return s, err
	}
	s.Key, s.Names, s.ID, s.Begun = h.key, h.names, h.id(), h.created
	s.Phase, s.Data, s.Lost = last.phase, last.data, last.lost
	for index := range h.key.pages() {
		words, _, _, err := readPage(osFile{f}, h, index)
		if err != nil && s.Running {
			continue // it was being written
		}
		if err != nil {
			return s, err
		}
		if words != nil {
			blocks := int(h.key.pageBits(index) / 2)
			s.Valid += countIn(words, 0, blocks, validBit) * blockBytes
			s.Guest += countIn(words, 0, blocks, guestBit) * blockBytes
		}
	}
	s.Valid, s.Guest = min(s.Valid, s.Size), min(s.Guest, s.Size)
	return s, nil
}
