package browse

import (
	"context"
	"fmt"
	"os"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/filereport"
)

// Cat writes files to o.Out; on a terminal, what would steer it is replaced.
func Cat(ctx context.Context, o Options, paths []string) error {
	return opened(ctx, o, func(b *browser, _ *locate.Share) error { return b.cat(ctx, paths) })
}

func (b *browser) cat(ctx context.Context, paths []string) error {
	out := b.out
	if console.OutIsTerminal() {
		screen := &screenWriter{w: out}
		defer screen.flush()
		out = screen
	}
	to := &catWriter{w: out, file: regularFile(os.Stdout), tell: b.note}
	for _, path := range paths {
		err := b.catOne(ctx, path, to)
		switch {
		case err == nil:
		case len(paths) == 1 || to.err != nil || ctx.Err() != nil:
			return err
		default:
			b.add(err)
			fmt.Fprintf(b.err, "restorefs: %s\n", exitcode.Explain(advised(err)))
		}
	}
	return b.result("all was written")
}

// catOne writes one file.
func (b *browser) catOne(ctx context.Context, path string, out *catWriter) error {
	n, err := b.find(path, true)
	if err != nil {
		return err
	}
	if n.IsDir() {
		return fmt.Errorf(
			"%s is a directory: \"restorefs ls\" lists it, cp and tar copy it",
			filereport.Name(path),
		)
	}
	b.notes()
	out.path = filereport.Name(path)
	if err := n.WriteTo(ctx, out); err != nil {
		return fmt.Errorf("%s: %w", filereport.Name(path), err)
	}
	return nil
}
