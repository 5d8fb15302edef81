package browse

import (
	"cmp"
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Cp copies files and trees into the directory dest, or one to the new name dest. It completes how.
func Cp(ctx context.Context, o Options, paths []string, dest string, how files.CopyOptions) error {
	return opened(ctx, o, func(b *browser, share *locate.Share) error {
		if dest == "-" {
			return cmdline.Usagef(
				"cp copies into a directory: \"restorefs cat\" writes a file to stdout, " +
					"\"restorefs tar\" a tree")
		}
		if err := places.Outside(ctx, share, dest); err != nil {
			return err
		}
		return b.cp(ctx, paths, dest, how)
	})
}

func (b *browser) cp(ctx context.Context, paths []string, dest string,
	how files.CopyOptions) error {
	nodes, err := b.findEach(paths)
	if err != nil {
		return err
	}
	b.notes()
	var failed, left filereport.Failures
	how.Failed = func(path string, err error) {
		b.told(path, err)
		failed.Add(path, err.Error())
	}
	how.Left = func(path, why string) {
		b.left(path, why)
		left.Add(path, why)
	}
	done, ended := files.Copy(ctx, nodes, dest, how)
	filereport.CopyNotes(b.err, done)
	if b.json {
		said := filereport.NewCopied(b.backup, dest, done)
		said.Failed, said.Left = append(said.Failed, failed...), append(said.Left, left...)
		if ended != nil {
			said.Error = ended.Error()
		}
		err = wording.WriteJSON(b.out, said)
	} else if ended == nil {
		_, err = fmt.Fprintf(b.out, "copied to %s: %s\n", dest, filereport.CopiedWords(done))
	}
	return cmp.Or(ended, err, b.result("all was copied"))
}
