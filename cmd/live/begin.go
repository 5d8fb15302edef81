package live

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/live"
	"github.com/restorefs/restorefs/materialize/live/mapper"
)

// session is one run of live. It belongs to one goroutine.
type session struct {
	o       Options
	place   place
	given   cmdline.Given // with the share, for commands that repeat them
	share   *locate.Share
	catalog *backupstore.Catalog
	backup  *backupstore.Backup
	volume  *backupstore.Volume
	spans   *cache.Cache
	target  *materialize.Target
	raw     *materialize.Raw
	v       *live.Volume
	disk    *disk
	server  *fusefs.Server // nil: nothing is mounted
	dm      *mapper.Device // nil: the volume is shown as a file
	jobs    int
	pace    *materialize.Pace
	began   time.Time
	ended   bool // the restore came to its end, and all is said
}

// begin opens what the arguments name. The caller closes the session, also after an error if there
// is one.
func begin(ctx context.Context, o Options) (*session, error) {
	ref, device, err := o.backupAndDevice()
	if err != nil {
		return nil, err
	}
	p, err := o.find(device)
	if err != nil {
		return nil, err
	}
	if err := o.mayBegin(p); err != nil {
		return nil, err
	}
	if ref == "" {
		ref = "id=" + p.known.Backup
	}
	if o.File == "" {
		if err := mapper.Check(ctx); err != nil {
			return nil, fmt.Errorf("%w; --file DIR shows the volume as a file, for qemu", err)
		}
	}
	s := &session{o: o, place: p, began: time.Now(),
		pace: &materialize.Pace{PerSecond: o.perSecond}}
	if err := s.openBackup(ctx, ref); err != nil {
		return s, err
	}
	if err := s.nameIsFree(ctx); err != nil {
		return s, err
	}
	if err := s.openTarget(ctx); err != nil {
		return s, err
	}
	return s, s.openVolume()
}

// mayBegin refuses to begin what was begun, and to go on with what was not.
func (o Options) mayBegin(p place) error {
	switch {
	case p.begun && p.known.Running:
		return fmt.Errorf("%s: %w%s", p.device, live.ErrInUse, p.known.Process)
	case p.begun && !o.Resume:
		return cmdline.Usagef("a live restore of backup %s to %s was begun at %s: --resume goes "+
			"on with it, --abort ends it (state file %s)", p.known.Backup, p.device,
			p.known.Begun.Format(time.RFC3339), p.state)
	case p.begun && p.known.Phase == live.Complete:
		return cmdline.Usagef("the live restore of backup %s to %s is complete, and %s is the "+
			"volume: use it; --abort takes the state file %s away", p.known.Backup, p.device,
			p.device, p.state)
	case !p.begun && o.Resume:
		return cmdline.Usagef("no live restore to %s was begun, as there is no state file %s: "+
			"leave --resume out, or name it with --state", p.device, p.state)
	}
	return nil
}

// openBackup opens the share and composes the backup's volume.
func (s *session) openBackup(ctx context.Context, ref string) (err error) {
	// A half of one share is for the cache that the guest reads through, a quarter for buffers.
	part := s.o.cacheBytes / 4
	s.catalog, s.share, err = source.Open(ctx, s.o.Source,
		backupstore.Options{DecoderBytes: s.o.cacheBytes})
	if err != nil {
		return err
	}
	s.given = s.o.Given.At(s.share.Place())
	if s.backup, err = source.Find(s.catalog, ref, s.o.Err); err != nil {
		return err
	}
	b := s.backup
	if b.State != backupstore.Complete {
		return fmt.Errorf("backup %s is %s: %s: %w; \"restorefs materialize --salvage\" restores "+
			"what can be had", b.ID, b.State, strings.Join(b.Problems, "; "),
			backupstore.ErrDamaged)
	}
	if s.volume, err = s.catalog.Open(ctx, b); err != nil {
		return err
	}
	if s.o.File == "" && s.volume.Size()%mapper.SectorBytes != 0 {
		return fmt.Errorf("the volume has %d bytes, which no block device can have: --file DIR "+
			"shows it as a file", s.volume.Size())
	}
	s.jobs = s.o.Jobs
	if s.jobs <= 0 {
		s.jobs = runtime.GOMAXPROCS(0)
	}
	s.jobs = int(max(min(int64(s.jobs), part/live.JobBytes(s.volume.Align())), 1))
	s.spans = cache.New(cache.Options{MemoryBytes: s.o.cacheBytes - part,
		MemoryFor: s.o.Memory.EnoughFor(), Logger: s.o.Source.Logger})
	s.disk = newDisk(s.volume, s.spans)
	process.SpareThread()
	return nil
}

// nameIsFree refuses the name of a device that is there: it is another restore's, perhaps of the
// same backup, or of something else, and has a guest of its own.
func (s *session) nameIsFree(ctx context.Context) error {
	if s.o.File != "" || s.place.begun {
		return nil
	}
	_, _, err := mapper.Device{Name: s.o.nameFor(s.backup.ID)}.Find(ctx)
	return err
}

// openTarget checks the device as materialize does, and asks. Nothing is written.
func (s *session) openTarget(ctx context.Context) (err error) {
	if err := places.Outside(ctx, s.share, s.place.device); err != nil {
		return err
	}
	// What a restore that is gone on with has written is no reason against it.
	s.target, err = materialize.Open(ctx, s.place.device,
		materialize.OpenOptions{Size: s.volume.Size(), Force: s.o.Force || s.o.Resume})
	if err != nil {
		return err
	}
	t := s.target
	if t.Kind() == materialize.KindFile && s.o.File == "" {
		return &materialize.RefusedError{Target: t.String(), Reasons: []materialize.Reason{{
			Kind: materialize.ReasonNotATarget, Text: "it is a file, and the guest is to be " +
				"given a block device in the end: name one, or use --file DIR"}}}
	}
	if err := s.o.makeDir(ctx, s.share, s.place); err != nil {
		return err
	}
	if s.o.Resume {
		return nil
	}
	return s.confirm(ctx)
}

// confirm shows what is about to happen and asks.
func (s *session) confirm(ctx context.Context) error {
	w, b, t := s.o.Err, s.backup, s.target
	fmt.Fprintf(w, "backup  %s%s of %s\n", b.ID, wording.Quoted(b.VolumeName()),
		b.CreatedAt.Format("2006-01-02 15:04:05 MST"))
	fmt.Fprintf(w, "target  %s, %s\n", t, targetWords(t, s.volume.Size()))
	for _, n := range t.Notes() {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(n))
	}
	for _, reason := range t.Overridden() {
		fmt.Fprintf(w, "force   %s\n", wording.Printable(reason.Text))
	}
	if strings.HasPrefix(t.Key(), untilRestart) {
		fmt.Fprintf(w, "note    nothing identifies %s after a restart of this machine: then "+
			"--resume needs --force\n", t)
	}
	if t.Kind() == materialize.KindFile && len(t.Overridden()) == 0 {
		return nil
	}
	return s.o.Ask(ctx, "Write to it?", "nothing was written", "to write to "+t.String())
}

func targetWords(t *materialize.Target, size int64) string {
	switch {
	case t.Kind() == materialize.KindDevice:
		return "block device of " + wording.Size(t.Size())
	case t.Size() == 0:
		return fmt.Sprintf("file, will have %s", wording.Size(size))
	}
	return "existing file of " + wording.Size(t.Size())
}

// openVolume begins the restore, or opens the one that was begun. From here on the device is
// written.
func (s *session) openVolume() (err error) {
	ctx := context.Background()
	if s.raw, err = s.target.Begin(ctx); err != nil {
		return err
	}
	if s.target.Key() == "" {
		return errors.New("nothing identifies the target: a restore onto it could not be gone on " +
			"with safely")
	}
	key := live.Key{Backup: s.backup.ID, Size: s.volume.Size(), Content: s.volume.Identity(),
		Device: s.target.Key(), DeviceSize: s.target.Size()}
	o := live.Options{Logger: s.o.Source.Logger,
		Damaged: func(err error) bool { return errors.Is(err, backupstore.ErrDamaged) },
		Final:   func(err error) bool { return errors.Is(err, backupstore.ErrMemory) }}
	name := ""
	if s.o.File == "" {
		name = s.o.nameFor(s.backup.ID)
	}
	if !s.place.begun {
		s.v, err = live.Create(s.place.state, key,
			live.Names{Device: s.target.Path(), Mapper: name}, s.volume, s.disk.cached, s.raw, o)
	} else {
		if name = s.place.known.Mapper; name == "" && s.o.File == "" {
			name = s.o.nameFor(s.backup.ID)
		}
		if was := s.place.known.Key.Device; s.o.Force && was != key.Device &&
			strings.HasPrefix(was, untilRestart) && strings.HasPrefix(key.Device, untilRestart) {
			key.Device = was // the operator says that it is the same
		}
		s.v, err = live.Open(s.place.state, key, s.volume, s.disk.cached, s.raw, o)
	}
	if err != nil {
		return err
	}
	s.disk.v = s.v
	if s.o.File == "" {
		s.dm = &mapper.Device{Name: name, ID: s.v.ID()}
	}
	return nil
}

// close closes what is open, when nothing is served any more.
func (s *session) close() {
	var err error
	if s.v != nil {
		err = s.v.Close()
	}
	if s.raw != nil {
		err = errors.Join(err, s.raw.Share())
	}
	if s.target != nil {
		err = errors.Join(err, s.target.Close())
	}
	if err != nil && !errors.Is(err, live.ErrFailed) { // which has been told
		s.o.Source.Logger.Error("closing what was restored", "err", err)
	}
	if s.spans != nil {
		s.spans.Close()
	}
	if s.catalog != nil {
		s.catalog.Close()
	}
}
