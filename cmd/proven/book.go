package proven

import (
	"context"
	"fmt"
	"time"

	"github.com/restorefs/restorefs/backupstore"
)

// Book is what is known of the backups of a share. The zero Book knows nothing and keeps nothing.
type Book struct {
	dir  string
	all  map[string]*entry // by the ids of backups
	news map[string]*entry // those that are not saved yet
	of   versions
}

// Open reads what is kept in a directory, which the caller has checked (cache/private). A directory
// without anything is a Book that knows nothing yet.
func Open(dir string) (*Book, error) {
	all, err := read(dir)
	if err != nil {
		return nil, fmt.Errorf("read what was proven of backups: %w", err)
	}
	return &Book{dir: dir, all: all, news: map[string]*entry{}, of: versions{}}, nil
}

// Last is what is known of a backup. The zero value is nothing.
type Last struct {
	All  *Proof // the last one of the whole backup
	Some *Proof // the last one of a part of it, since then
	Bad  *Proof // the last one that found damage that nothing has disproved since
}

// Known says whether anything is known.
func (l Last) Known() bool { return l.All != nil || l.Some != nil || l.Bad != nil }

// Of returns what is known of a backup as it is now.
func (b *Book) Of(backup *backupstore.Backup) Last {
	if b == nil || len(b.all) == 0 {
		return Last{}
	}
	e := b.all[backup.ID]
	if e == nil || e.Of != b.of.of(backup) {
		return Last{}
	}
	return Last{e.All, e.Some, e.Bad}
}

// Add adds what verify found out about a backup. part is how much of it was to be looked at, 0 for
// all of it.
func (b *Book) Add(r backupstore.Report, part float64, now time.Time) {
	if b == nil || b.dir == "" {
		return
	}
	e := entry{Backup: r.Backup.ID, Of: b.of.of(r.Backup)}
	if was := b.all[e.Backup]; was != nil && was.Of == e.Of {
		e = *was
	}
	p := proofOf(r, part, now)
	if p.Part == 0 {
		return // of few blocks none was chosen
	}
	e.add(p)
	if !e.sound() {
		return // nothing is known of it, or its id is none
	}
	b.all[e.Backup], b.news[e.Backup] = &e, &e
}

// mostOfPart is how much of a backup a proof of a part can be of.
const mostOfPart = 0.999

// proofOf returns how a verification ended.
func proofOf(r backupstore.Report, part float64, now time.Time) *Proof {
	p := &Proof{At: now.UTC().Truncate(time.Second), OK: r.OK, Part: 1, Unread: len(r.Unread) > 0}
	if part > 0 {
		p.Part = min(part, mostOfPart)
	}
	if part > 0 && r.OK && r.SampledOf > 0 {
		// Blocks that digests call zero were believed, so it is never all.
		p.Part = min(float64(r.Blocks)/float64(r.SampledOf), mostOfPart)
	}
	for _, d := range r.Damaged {
		p.Lost += d.Length
		if d.Sibling != "" {
			p.Healed += d.Length
		}
		if len(p.Damaged) < MaxRanges {
			p.Damaged = append(p.Damaged, Range{d.Offset, d.Length, d.Sibling != ""})
		}
	}
	return p
}

// Save puts what is new into the file, beside what others have put there.
func (b *Book) Save(ctx context.Context) error {
	if b == nil || len(b.news) == 0 {
		return nil
	}
	if err := merge(ctx, b.dir, b.news); err != nil {
		return fmt.Errorf("keep what was proven of backups: %w", err)
	}
	clear(b.news)
	return nil
}
