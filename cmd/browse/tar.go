package browse

import (
	"bufio"
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Tar writes files and trees to o.Out as a tar.
func Tar(ctx context.Context, o Options, paths []string) error {
	return opened(ctx, o, func(b *browser, _ *locate.Share) error { return b.tar(ctx, paths) })
}

func (b *browser) tar(ctx context.Context, paths []string) error {
	nodes, err := b.findEach(paths)
	if err != nil {
		return err
	}
	b.notes()
	out := bufio.NewWriterSize(b.out, 1<<20)
	done, err := files.Tar(ctx, out, nodes, files.TarOptions{Failed: b.told, Left: b.left})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("the tar is not whole: %w", err)
	}
	fmt.Fprintf(b.err, "wrote %s, %s\n", wording.Count(done.Entries, "member"),
		wording.Size(done.Bytes))
	return b.result("all is in the tar")
}
