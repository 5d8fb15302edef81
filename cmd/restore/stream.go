package restore

import (
	"context"
	"fmt"
	"os"

	"github.com/restorefs/restorefs/materialize"
)

// Stream writes the backup's volume from front to back, into a pipe or an empty file. It does not
// check out, and closes it when ctx ends, because nothing else ends a write to a pipe without a
// reader.
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
		// Some file systems report only now that they were full, or failed.
		if err = out.Sync(); err != nil {
			err = fmt.Errorf("what was written to %s is not safe: %w", out.Name(), err)
		}
	}
	if err != nil {
		return done, err
	}
	done.Restored = true
	done.Healed, done.Lost = r.healed(), r.salvage.Lost()
	return done, nil
}
