package live

import (
	"context"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/materialize/live"
)

// Run restores a volume while it is used, goes on with that, or ends it.
func Run(ctx context.Context, o Options) error {
	if err := o.prepare(); err != nil {
		return err
	}
	if o.Abort {
		return abort(ctx, o)
	}
	s, err := begin(ctx, o)
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return err
	}
	if s.v.Phase() == live.HandingOver { // an earlier process was about to end
		return s.handedOver(ctx)
	}
	if err := s.show(ctx); err != nil {
		return s.notShown(ctx, err)
	}
	err = s.work(ctx)
	if err == nil {
		err = s.complete(ctx)
	}
	if s.ended {
		return err
	}
	return errors.Join(s.stopped(ctx, err), s.takeDown(ctx))
}

// notShown ends a restore whose volume could not be shown. One that has only begun is forgotten,
// unless the volume was there for a moment, and has a guest that cannot do without it.
func (s *session) notShown(ctx context.Context, err error) error {
	down := s.takeDown(ctx)
	if s.place.begun || down != nil || s.v.Written() {
		return errors.Join(s.stopped(ctx, err), down)
	}
	return errors.Join(err, s.v.Close(), live.Remove(s.place.state))
}

// work copies and proves.
func (s *session) work(ctx context.Context) error {
	stop := s.o.ShowProgress(s.progress)
	defer stop()
	if err := s.v.Fill(ctx, live.FillOptions{Jobs: s.jobs, Wait: s.pace.Wait}); err != nil {
		return err
	}
	if s.v.Phase() == live.Filling {
		if _, err := s.v.Advance(ctx, live.Filled); err != nil {
			return err
		}
	}
	return s.v.Prove(ctx, s.jobs)
}

// stopped says in which state a restore that did not come to its end is, and how to go on.
func (s *session) stopped(ctx context.Context, err error) error {
	where := s.phaseWords()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("stopped before the end, what was written is safe: %w", ctx.Err())
	}
	return fmt.Errorf("%w\n%s\nto go on:  %s", err, where, s.resuming())
}
