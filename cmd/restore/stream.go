package restore

import (
	"context"
	"fmt"
	"os"

	"github.com/restorefs/restorefs/materialize"
)

// Stream writes the backup's volume from front to back, into a pipe or an empty file.
// Nothing of out is checked, and it is closed if ctx ends: a write to a pipe that
// nobody reads ends only then.
func (r *Restore) Stream(ctx context.Context, out *os.File) (Result, error) {
	if err := r.ready(); err != nil {
		return Result{}, err
	}
	info, err := out.Stat()
	if err != nil {
		return Result{}, fmt.Errorf("look at %s: %w", out.Name(), err)
	}
	defer context.AfterFunc(ctx, func() { out.Close() })()
	stop := r.watch(r.progress)
	result, err := materialize.Stream(ctx, r.volume, out, r.o.Copy)
	stop()
	done := Result{Result: result, Target: out.Name(), Begun: true}
	if ctx.Err() != nil {
		return done, ctx.Err()
	}
	if err == nil && info.Mode().IsRegular() {
		// Some file systems tell only now that they had no room, or failed.
		if err = out.Sync(); err != nil {
			err = fmt.Errorf("what was written to %s is not safe: %w", out.Name(), err)
		}
	}
	if err != nil {
		return done, err
	}
	done.Restored = true
	done.Healed, done.Lost = r.composed.Healed(), r.salvage.Bad()
	return done, nil
}
