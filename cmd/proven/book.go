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
	all  map[key]*entry
	news []found // what is not saved yet
	of   versions
}

// key is a version of a backup. A record may know several of one id: of a share, and of its copies.
type key struct{ id, of string }

// found is a proof of a version of a backup.
type found struct {
	key
	proof *Proof
}

// Open reads what is kept in a directory, which the caller has checked (cache/private). A directory
// without anything is a Book that knows nothing yet.
func Open(dir string) (*Book, error) {
	all, err := read(dir)
	if err != nil {
		return nil, fmt.Errorf("read what was proven of backups: %w", err)
	}
	return &Book{dir: dir, all: all, of: versions{}}, nil
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
	e := b.all[key{backup.ID, b.of.of(backup)}]
	if e == nil {
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
	f := found{key{r.Backup.ID, b.of.of(r.Backup)}, proofOf(r, part, now)}
	if f.proof.Part == 0 {
		return // of few blocks none was chosen
	}
	if f.addTo(b.all, now) {
		b.news = append(b.news, f)
	}
}

// addTo adds it to entries and says whether it did: nothing may be known of it, or its id is none.
func (f found) addTo(all map[key]*entry, now time.Time) bool {
	e := entry{Backup: f.id, Of: f.of}
	if was := all[f.key]; was != nil {
		e = *was
	}
	e.add(f.proof, now)
	if !e.sound() {
		return false
	}
	all[f.key] = &e
	return true
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
// now is the time of the call.
func (b *Book) Save(ctx context.Context, now time.Time) error {
	if b == nil || len(b.news) == 0 {
		return nil
	}
	if err := merge(ctx, b.dir, b.news, now); err != nil {
		return fmt.Errorf("keep what was proven of backups: %w", err)
	}
	b.news = nil
	return nil
}
