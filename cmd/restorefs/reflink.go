package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

func reflinkFlag() cli.Flag {
	return &cli.BoolFlag{Name: "reflink", DisableDefaultText: true,
		Usage: "have the kernel copy what is not compressed, and verify it in TARGET: a file on the share's file system then shares its blocks (XFS, btrfs), an NFS 4.2 server copies by itself"}
}

// noteReflink prints that --reflink had no effect.
func (r *restoring) noteReflink() {
	if r.o.engine.Copy.Reflink && r.done.BytesInKernel == 0 && r.done.BytesWritten > 0 {
		fmt.Fprintln(r.o.Err, "note    --reflink shared nothing: that takes a backup that is not compressed and has digests, "+
			"and a new file on the share's own file system (XFS, btrfs) or on its NFS 4.2 server. The restore is none the worse")
	}
}

// checkReflink refuses flags that do not go with copying in the kernel, which knows only the
// files on the share and overwrites the target.
func (o materializeOptions) checkReflink() error {
	switch {
	case !o.engine.Copy.Reflink:
	case o.engine.Overlay != "":
		return cmdline.Usagef("--reflink does not go with --overlay: what was written there is not on the share")
	case o.engine.Salvage == "keep":
		return cmdline.Usagef("--reflink does not go with --salvage=keep: it would overwrite what is to be kept")
	}
	return nil
}
