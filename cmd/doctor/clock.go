package doctor

import (
	"time"

	"github.com/restorefs/restorefs/backupstore"
)

// clock says whether "yesterday" means on this machine what it means on others.
func clock(m Machine, backups []*backupstore.Backup) Finding {
	const check, next = "clock", "timedatectl; chronyc tracking"
	const apart = 5 * time.Minute
	now := m.Now.UTC().Format("2006-01-02 15:04:05 MST")
	var newest time.Time
	for _, b := range backups {
		if b.State == backupstore.Complete && b.CreatedAt.After(newest) {
			newest = b.CreatedAt
		}
	}
	switch {
	case newest.Sub(m.Now) > apart:
		return problem(check, next, "%s, and the newest backup was made later, %s: times such as "+
			"\"yesterday\" or 2h would mean others", now,
			newest.Format("2006-01-02 15:04:05 MST"))
	case !m.InStep():
		return note(check, next, "%s, and the kernel says that nothing keeps it right", now)
	}
	return ok(check, "%s", now)
}
