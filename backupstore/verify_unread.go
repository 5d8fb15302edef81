package backupstore

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// notGiven returns why something could not be read from the share that may well be right, 0 for
// other errors: missing, or damaged.
func notGiven(err error) syscall.Errno {
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if errors.Is(err, ErrMemory) {
		return syscall.ENOMEM
	}
	if errors.Is(err, fs.ErrPermission) {
		return syscall.EACCES
	}
	errno, _ := errors.AsType[syscall.Errno](err)
	switch errno {
	case syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT:
		return errno
	}
	return 0
}

// because completes d, whose reason is err. What could not be read from the share has the same
// reason wherever that happened, so that it is reported once.
func (d Damage) because(err error) Damage {
	if d.unread = notGiven(err); d.unread == syscall.ENOMEM {
		d.short, d.Reason = err, err.Error()
	} else if d.unread != 0 {
		d.Reason = advised(d.unread).Error()
	} else {
		d.Reason = err.Error()
	}
	return d
}

// split separates damage from what could not be read, and describes the latter in a line for each
// cause.
func split(all []Damage) (damaged []Damage, unread []error) {
	type cause struct {
		errno  syscall.Errno
		short  error // of one of its objects, if errno is ENOMEM
		ranges ranges
		object string // the first
		others map[string]bool
	}
	var causes []*cause
	of := map[syscall.Errno]*cause{}
	for _, d := range all {
		if d.unread == 0 {
			damaged = append(damaged, d)
			continue
		}
		c := of[d.unread]
		if c == nil {
			c = &cause{errno: d.unread, short: d.short, object: d.Object, others: map[string]bool{}}
			of[d.unread] = c
			causes = append(causes, c)
		}
		c.ranges.add(d.Offset, d.Length)
		if d.Object != c.object {
			c.others[d.Object] = true
		}
	}
	for _, c := range causes {
		what := c.object
		if what == "" {
			what = "its _metadata"
		}
		if n := len(c.others); n > 0 {
			what += fmt.Sprintf(" and %d more of its objects", n)
		}
		var n int64
		for _, r := range c.ranges {
			n += r.Len
		}
		if c.short != nil {
			unread = append(unread, fmt.Errorf("%d bytes of the volume in %d range(s): %w", n,
				len(c.ranges), c.short))
			continue
		}
		unread = append(unread, fmt.Errorf("%s, %d bytes of the volume in %d range(s): %w", what, n,
			len(c.ranges), advised(c.errno)))
	}
	return damaged, unread
}

// notRead returns why the _metadata of b or of a parent could not be read from the share, nil if it
// could.
func (b *Backup) notRead() error {
	for l := b; l != nil; l = l.parent {
		if l.unread != nil {
			return l.unread
		}
	}
	return nil
}
