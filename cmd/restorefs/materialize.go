package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/materialize"
)

func materializeCommand() *cli.Command {
	return &cli.Command{
		Name:      "materialize",
		Aliases:   []string{"restore"},
		Usage:     "copy a backup onto a volume: a block device or a file",
		ArgsUsage: "BACKUP [TARGET]",
		Description: backupHelp + `

TARGET is a block device, or a file, which is created sparse when it does not
exist, or - for stdout. A device in use is refused, always; one that is not
blank unless --force. A larger target keeps its size. An interrupted run is
continued by the same command: what is already right is not written again. What
is written has been checked against the backup's digests. A qcow2 (--format) gets
its name when it is whole and qemu-img has checked it.

With --volume, TARGET is where that volume of the cloud is, and its name,
metadata, image metadata and bootable flag are restored after the data. The
cloud is that of --os-cloud (clouds.yaml) or of the OS_* variables of an openrc.
Whether the volume exists, is large enough and is of the right encryption is
checked before anything is written.

With --new-volume there is no TARGET: the volume is created, and its device found
by --device-path or --attach, which do that for --volume too. When that fails,
it says what is left and how to continue.`,
		Flags: append([]cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "force", Usage: "overwrite what TARGET holds (never one that is in use, or too small)", DisableDefaultText: true},
			&cli.BoolFlag{Name: "delta", Usage: "compare TARGET with the backup and write only what differs (with --force: roll back a volume)", DisableDefaultText: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, write nothing", DisableDefaultText: true},
			reflinkFlag(),
			&cli.BoolFlag{Name: "verify-after", Usage: "read TARGET back past the page cache and compare", DisableDefaultText: true},
			overlayFlag("restore with what was written in a mount with --overlay `DIR`"), newSalvageFlag(), formatFlag(), progressFlag(), niceFlag(),
			&cli.StringFlag{Name: "bwlimit", Usage: "read no more than `SIZE` of data a second from the backup, such as 50MiB (a number alone is bytes)"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", DisableDefaultText: true},
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "read `N` objects in parallel (0: one for each processor)"},
			&cli.StringFlag{Name: "metadata-out", Usage: "write the volume's metadata to `FILE`, - for stdout (for a file: TARGET.metadata.json unless given)"},
		}, append(volumeFlags(), newVolumeFlags()...)...),
		Action: runMaterialize,
	}
}

func runMaterialize(c *cli.Context) error {
	o := materializeOptions{
		common:      commonOf(c),
		backup:      c.Args().Get(0),
		target:      c.Args().Get(1),
		format:      c.String("format"),
		dryRun:      c.Bool("dry-run"),
		force:       c.Bool("force"),
		niceIO:      c.Bool("nice-io"),
		bwlimit:     c.String("bwlimit"),
		metadataOut: c.String("metadata-out"),
		cloud: cloudFlags{
			name: c.String("os-cloud"), volume: c.String("volume"), rule: c.String("metadata-rule"),
			noMetadata: c.Bool("no-metadata"), metadataOnly: c.Bool("metadata-only"),
			newVolume: c.Bool("new-volume"), devicePath: c.String("device-path"), attach: c.Bool("attach"),
			server: c.String("server"), cleanup: c.Bool("cleanup"),
			wish: cloud.Wish{
				Name: c.String("name"), Type: c.String("type"), Zone: c.String("availability-zone"), SizeGiB: c.Int64("size"),
			},
		},
		engine: restore.Options{
			Salvage: restore.Salvage(fmt.Sprint(c.Generic("salvage"))), Overlay: c.String("overlay"),
			Copy: materialize.Options{
				Jobs: c.Int("jobs"), Delta: c.Bool("delta"), VerifyAfter: c.Bool("verify-after"), Reflink: c.Bool("reflink"),
			},
		},
	}
	if o.cloud.metadataOnly {
		return metadataOnly(c.Context, o)
	}
	finds, err := o.findsDevice()
	switch {
	case err != nil:
		return err
	case finds:
		return toFoundDevice(c.Context, o)
	}
	return toTarget(c.Context, o)
}

// toTarget restores to the TARGET that the operator names.
func toTarget(ctx context.Context, o materializeOptions) error {
	if err := o.wantArgs("BACKUP", "TARGET"); err != nil {
		return err
	}
	r, err := newRestoring(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	if o.target == "-" {
		return r.toStdout(ctx)
	}
	if err := r.outside(o.target); err != nil {
		return err
	}
	if r.o.qcow2 {
		return r.toQcow2(ctx, o.target)
	}
	if r.cloud, err = findCloudVolume(ctx, o, r.share); err != nil {
		return err
	}
	if err := r.isTheVolume(ctx, o.target); err != nil {
		return err
	}
	if o.dryRun {
		return r.plan(ctx, o.target, r.engine.Plan)
	}
	if err = r.onto(ctx, o.target, r.byHand()); r.done.Restored && r.cloud != nil {
		err = errors.Join(err, r.cloud.Free(ctx))
	}
	return err
}

// onto copies the backup onto a device or into a file, reports the restore, and restores the
// metadata of the cloud's volume, if the target is one.
func (r *restoring) onto(ctx context.Context, name string, guard restore.Guard) error {
	if err := r.sureOf(ctx, name); err != nil {
		return err
	}
	var err error
	if r.done, err = r.engine.To(ctx, name, guard); err != nil {
		return r.explained(name, err)
	}
	r.noteReflink()
	err = r.finish(ctx)
	return errors.Join(r.salvaged(), inDoubt(r.backup), err)
}

// toQcow2 restores into a qcow2 file, or prints what it would do.
func (r *restoring) toQcow2(ctx context.Context, name string) error {
	if r.o.dryRun {
		return r.plan(ctx, name, r.engine.PlanQcow2)
	}
	if err := r.sureOf(ctx, name); err != nil {
		return err
	}
	var left error // the mount for qemu-img, if the file is complete
	if r.done, left = r.engine.ToQcow2(ctx, name); !r.done.Restored {
		return r.explained(name, left)
	}
	if err := errors.Join(r.finish(ctx), left); err != nil {
		return err
	}
	tellContents(ctx, r.o.Err, r.engine.Volume())
	return nil
}

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
	return &materialize.RefusedError{Target: t.String(), Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
		Text: "it became another one since it was found to be the volume"}}}
}
