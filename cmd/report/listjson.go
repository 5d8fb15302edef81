package report

import (
	"io"

	"github.com/restorefs/restorefs/cmd/wording"
)

// WriteJSON writes list's JSON, one backup after the other, so that not all of it is in memory.
func (l Listing) WriteJSON(out io.Writer) error {
	list := wording.NewJSONList(out)
	for _, b := range l.Backups {
		one := NewBackup(b)
		one.Disk, one.Proven = l.Disks[b], NewProven(l.Proven.Of(b))
		if err := list.Add(one); err != nil {
			return err
		}
	}
	return list.End()
}
