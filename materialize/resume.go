package materialize

import "context"

func (w *worker) update(ctx context.Context, off, end int64) error { return w.copyAll(ctx, off, end) }
