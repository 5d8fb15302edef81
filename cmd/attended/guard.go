package attended

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/materialize"
)

// byHand returns the guard of a cloud's volume whose device the operator named: it is not reserved,
// so others may take it meanwhile.
func (r *restoring) byHand() restore.Guard {
	if r.cloud == nil {
		return restore.Guard{}
	}
	return restore.Guard{
		Opened: r.isStill,
		Before: func(ctx context.Context) error { return r.cloud.CheckAgain(ctx, r.backup) },
		After:  func(ctx context.Context) error { return inFlags(r.cloud.Undisturbed(ctx)) },
	}
}

// isTheVolume refuses a target that is not the volume of --volume, if that is given.
func (r *restoring) isTheVolume(ctx context.Context, name string) (err error) {
	if r.cloud == nil {
		return nil
	}
	if err := errors.Join(r.cloud.CheckNames(name), r.cloud.Check(ctx, r.backup)); err != nil {
		return err
	}
	if r.found, err = r.cloud.Prove(ctx, name, r.engine.Volume()); err != nil {
		return volumeMissing(name, err)
	}
	return nil
}

// isStill refuses a target that is no longer the device that was found for the volume.
func (r *restoring) isStill(t *materialize.Target) error {
	if t.Size() == r.found.Size && (t.Kind() == materialize.KindFile) == r.found.File {
		return r.cloud.CheckNames(t.Path())
	}
	return &materialize.RefusedError{Target: t.String(), Reasons: []materialize.Reason{{
		Kind: materialize.ReasonNotATarget,
		Text: "it became another one since it was found to be the volume",
	}}}
}
