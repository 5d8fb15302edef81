package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// Run looks at the share at the given interval, whenever now says so, and when the files of an open
// disk turn out to be stale; it builds indexes while there are no reads. While nothing changes and
// nobody lists the disks the interval grows up to mostPatience times. It returns when ctx ends.
func (s *Disks) Run(ctx context.Context, every time.Duration, now <-chan struct{}) {
	var indexing sync.WaitGroup
	if s.indexer != nil {
		indexing.Go(func() { s.indexer.run(ctx) })
	}
	defer indexing.Wait()
	s.pace.every = every
	for quiet := false; s.pace.next(ctx, now, quiet); {
		before := s.catalog.Changes()
		ok := s.Refresh(ctx)
		quiet = ok && s.catalog.Changes() == before
	}
}

// publish makes the disks those that the catalogue found last.
func (s *Disks) publish() {
	var backups []fusefs.Backup
	byID := map[string]*backupstore.Backup{}
	all := s.catalog.Backups()
	newest := newestOf(all)
	s.mu.Lock()
	short := maps.Clone(s.short)
	s.mu.Unlock()
	for _, b := range all {
		if !s.only(b) {
			continue
		}
		byID[b.ID] = b
		shown := fusefs.Backup{ID: b.ID, VolumeID: b.VolumeID, VolumeName: b.VolumeName(),
			CreatedAt: b.CreatedAt, Size: b.Size}
		shown.Short = short[keyOf(b)]
		if n := newest[b.VolumeID]; n != nil && !s.only(n) {
			shown.Superseded = true
		}
		// A broken backup with a chain that can be composed is served: damaged ranges give EIO, and
		// the others may be all that is needed.
		if b.State != backupstore.Complete {
			shown.Problem = safetext.Printable(fmt.Sprintf("%s: %s", b.State,
				strings.Join(b.Problems, "; ")))
			shown.Partial = b.Chain() != nil
		}
		backups = append(backups, shown)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.open {
		if byID[k.id] == nil && s.byID[k.id] != nil {
			s.log.Warn("a backup that somebody reads is gone from the share: what of it is not "+
				"open already gives errors from now on", "backup", k.id)
		}
	}
	if !slices.Equal(backups, s.backups) { // else the tree stays as it is
		s.backups = backups
	}
	maps.DeleteFunc(s.plain, func(k diskKey, _ luks.Disk) bool { return byID[k.id] == nil })
	maps.DeleteFunc(s.short, func(k diskKey, _ string) bool { return byID[k.id] == nil })
	s.byID, s.looked = byID, time.Now()
}

// newestOf returns the newest complete backup of each volume. Of two from the same time it is the
// one that fusefs takes as the latest.
func newestOf(all []*backupstore.Backup) map[string]*backupstore.Backup {
	newest := map[string]*backupstore.Backup{}
	for _, b := range all {
		n := newest[b.VolumeID]
		if b.State == backupstore.Complete && (n == nil ||
			cmp.Or(b.CreatedAt.Compare(n.CreatedAt), strings.Compare(b.ID, n.ID)) > 0) {
			newest[b.VolumeID] = b
		}
	}
	return newest
}

// Refresh looks at the share and publishes what is there now. It reports whether all could be
// looked at; why not, it logs.
func (s *Disks) Refresh(ctx context.Context) bool {
	err := s.catalog.Refresh(ctx)
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		s.publish()
		err = errors.Join(s.catalog.Unread()...)
	}
	s.note(err)
	return err == nil
}

// note keeps the result of the last look at the share, and logs it if it differs from the one
// before.
func (s *Disks) note(err error) {
	s.mu.Lock()
	before := s.lookErr
	s.lookErr = err
	s.mu.Unlock()
	switch {
	case err == nil && before != nil:
		s.log.Warn("the share can be looked at again")
	case err != nil && (before == nil || before.Error() != err.Error()):
		s.log.Warn("not all of the share can be looked at; what was seen there last stays",
			"err", err)
	}
}
