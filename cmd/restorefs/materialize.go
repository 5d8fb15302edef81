package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
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

// materialized is materialize's JSON; its fields are a contract.
type materialized struct {
	Backup       string  `json:"backup"`
	Target       string  `json:"target"`
	Size         int64   `json:"size"`
	BytesWritten int64   `json:"bytes_written"`
	BytesZeroed  int64   `json:"bytes_zeroed"`
	BytesSkipped int64   `json:"bytes_skipped"`
	Verified     bool    `json:"verified"`
	Seconds      float64 `json:"seconds"`
	Metadata     string  `json:"metadata"` // the file it was written to, "" for none
	// Healed was taken from other backups of the volume; Lost, with --salvage,
	// could not be had.
	Healed  []jsonRange `json:"healed,omitempty"`
	Lost    []jsonRange `json:"lost,omitempty"`
	Overlay string      `json:"overlay,omitempty"` // the directory of --overlay
	// VolumeID is the volume of the cloud that the target is, "" for none.
	VolumeID string `json:"volume_id,omitempty"`
	// Volume is the volume of the cloud whose metadata was restored.
	Volume *restoredVolume `json:"volume,omitempty"`
	// Notes are remarks about the target, such as what could not be looked at.
	Notes []string    `json:"notes,omitempty"`
	Disk  *listedDisk `json:"disk,omitempty"` // what lies on it
}

func runMaterialize(c *cli.Context) error {
	if c.Bool("metadata-only") {
		return metadataOnly(c)
	}
	if finds, err := findsDevice(c); err != nil {
		return err
	} else if finds {
		return toFoundDevice(c)
	}
	if err := wantArgs(c, "BACKUP", "TARGET"); err != nil {
		return err
	}
	name := c.Args().Get(1)
	qcow2, err := wantsQcow2(c, name)
	if err != nil {
		return err
	}
	if c.String("volume") != "" && (qcow2 || name == "-") {
		return usagef("--volume goes with a TARGET that is the volume: its device or file")
	}
	r, err := newRestore(c)
	if err != nil {
		return err
	}
	defer r.close()
	if name != "-" {
		if err := r.o.outside(name); err != nil {
			return err
		}
	}
	switch {
	case r.o.dryRun && (name == "-" || qcow2):
		return r.dryRunUnseen(c.Context, name, qcow2)
	case name == "-":
		return r.toStdout(c.Context)
	case qcow2:
		return toQcow2(c, r, name)
	}
	if r.cloud, err = findCloudVolume(c, r.o.share); err != nil {
		return err
	}
	if r.cloud != nil {
		if err := errors.Join(r.cloud.CheckNames(name), r.cloud.Check(c.Context, r.backup)); err != nil {
			return err
		}
		if r.found, err = r.cloud.Prove(c.Context, name, r.volume); err != nil {
			return volumeMissing(name, err)
		}
	}
	if r.o.dryRun {
		return r.dryRun(c.Context, name)
	}
	r.byHand = r.cloud != nil
	if err = r.onto(c.Context, name); r.restored && r.cloud != nil {
		err = errors.Join(err, r.cloud.Free(c.Context))
	}
	return err
}

// finish reports a restore whose data is safe, and restores the metadata of the
// cloud's volume, if the target is one.
func (r *restore) finish(ctx context.Context, target *materialize.Target, result materialize.Result, healed []backupstore.Range) error {
	b, lost, cloud := r.backup, r.rescue.Bad(), r.cloud
	out := materialized{
		Backup: b.ID, Target: target.Path(), Size: result.Size, BytesWritten: result.BytesWritten, BytesZeroed: result.BytesZeroed,
		BytesSkipped: result.BytesSkipped, Verified: len(lost) == 0 && b.Doubt() == "", Seconds: result.Duration.Seconds(),
		Healed: jsonRanges(healed), Lost: jsonRanges(lost), Notes: target.Notes(),
	}
	data, proof := "the data is restored and verified; ", "every block verified"
	if len(lost) > 0 {
		data, proof = "the data is restored, except for what is lost; ", "every block that is not lost verified"
	}
	if b.Doubt() != "" {
		data, proof = "the data is restored; ", "objects compared with their MD5"
	}
	if result.Verified {
		proof += ", and read back from the target"
	}
	if out.Overlay = r.o.overlay; out.Overlay != "" {
		proof += "; what was written onto it is from " + out.Overlay + ", and has no digests"
	}
	if cloud != nil {
		out.VolumeID = cloud.Volume.ID
	}
	out.Disk = lookAtTarget(target.Path(), result.Size)
	var err, recordErr error
	if cloud == nil || r.o.metadataOut != "" {
		out.Metadata, err = r.writeRecord(ctx, target)
		recordErr = recordError(data, err)
	}
	if w := r.o.reportTo(); !r.o.json {
		fmt.Fprintf(w, "restored backup %s to %s\n  %s in %.1f s: %s written, %s zero, %s already right; %s\n",
			b.ID, target, formatSize(out.Size), out.Seconds, formatSize(out.BytesWritten), formatSize(out.BytesZeroed), formatSize(out.BytesSkipped), proof)
		if len(healed) > 0 {
			fmt.Fprintf(w, "  %d damaged range(s) were taken from other backups of the volume\n", len(healed))
		}
		if out.Metadata != "" && out.Metadata != "-" {
			fmt.Fprintf(w, "  the volume's name, metadata and more are in %s\n", out.Metadata)
		}
		for _, line := range out.Disk.restoredLines() {
			fmt.Fprintf(w, "  %s\n", printable(line))
		}
	}
	out.Volume, err = cloud.restoreMetadata(ctx, b, data)
	if r.o.json {
		recordErr = errors.Join(recordErr, writeJSON(r.o.out, out))
	}
	return errors.Join(recordErr, err)
}

// reportTo is where a restore is reported: stderr where --metadata-out - has stdout.
func (o restoreOptions) reportTo() io.Writer {
	if o.metadataOut == "-" {
		return o.err
	}
	return o.out
}

// stateDir is where it is noted that a device is half written, "" when that
// cannot be.
func stateDir(c *cli.Context, s *locate.Share) string {
	dir, err := cacheSubDir(c, s, "state", "an interrupted run onto a device will need --delta --force to be continued")
	if err != nil {
		newLogger(c).Warn("an interrupted run onto a device will need --delta --force to be continued", "err", err)
	}
	return dir
}

// dryRun says what a run would do. A target that would be refused is an error
// all the same, so that scripts can ask first.
func (r *restore) dryRun(ctx context.Context, name string) error {
	e, err := materialize.Plan(ctx, r.volume, name, r.openOptions(), r.options)
	if err != nil {
		return err
	}
	p, err := newPlanned(ctx, r.composed, r.volume, e, r.options)
	if err != nil {
		return err
	}
	if p.Changes, err = r.cloud.changes(ctx, r.backup); err != nil {
		return err
	}
	p.FreeBytes = freeFor(resolved(name))
	if why := doubtful(name, false, r.catalog); why != "" && r.found == nil {
		e.Notes = append(e.Notes, why+"; that will be asked about")
	}
	if r.o.json {
		p.Target = resolved(name)
		err = writeJSON(r.o.out, p)
	} else {
		printPlan(r.o.out, p, e.Notes)
		if r.cloud.restoresMetadata() {
			printChanges(r.o.out, p.Changes)
		}
	}
	if err != nil {
		return err
	}
	if e.Refused != nil {
		return r.maybeFinished(name, e.Refused)
	}
	if !e.Exact { // then it is a bound
		return r.broken
	}
	return errors.Join(r.broken, p.fits())
}

// checkMetadataOut refuses a FILE that cannot be written, is TARGET, is on the
// share, or is there and the operator's.
func (o restoreOptions) checkMetadataOut() error {
	path, target := o.metadataOut, o.target
	switch {
	case path == "":
		return nil
	case path == "-" && o.json:
		return usagef("--metadata-out - and --json both write to stdout: name a file, or leave one out")
	case path == "-" && target == "-":
		return usagef("--metadata-out - and the TARGET - both are stdout: name a file for one of them")
	case path == "-":
		return nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return usagef("--metadata-out %s: it is there, and no regular file", path)
	}
	// /dev/stdout is a link, and with --force would be replaced, for all programs.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		if dir, err = filepath.Abs(dir); err == nil && (dir == "/dev" || strings.HasPrefix(dir+"/", "/proc/")) {
			return usagef("--metadata-out %s: no file is made or replaced in %s; for standard output write --metadata-out -", path, dir)
		}
	}
	if target != "" && sameFile(path, target) {
		return usagef("--metadata-out %s is TARGET itself, which it would replace: choose another file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usagef("--metadata-out %s: there is no such directory", path)
	}
	return o.may(path)
}

// mayKeepRecord does that for the file that the metadata goes to unless
// --metadata-out says where.
func (r *restore) mayKeepRecord(t *materialize.Target) error {
	if r.o.metadataOut != "" || t.Kind() != materialize.KindFile {
		return nil
	}
	return r.o.may(recordPath(t))
}

func recordPath(t *materialize.Target) string { return t.Path() + ".metadata.json" }

// confirm shows what is about to happen and, on a terminal, asks.
// That is left out where it was confirmed before.
func (r *restore) confirm(ctx context.Context, t *materialize.Target) error {
	w, b, confirmed := r.o.err, r.backup, r.confirmed
	if !confirmed {
		printBackup(w, b)
	}
	fmt.Fprintf(w, "target  %s, %s\n", t, targetWords(t, b.Size))
	if t.Continues() {
		fmt.Fprintln(w, "        continues an interrupted run")
	}
	for _, n := range t.Notes() {
		fmt.Fprintf(w, "note    %s\n", printable(n))
	}
	for _, reason := range t.Overridden() {
		fmt.Fprintf(w, "force   %s\n", printable(reason.Text))
	}
	if confirmed || t.Kind() == materialize.KindFile && len(t.Overridden()) == 0 {
		return nil
	}
	return r.o.ask(ctx, "Write to it?", "nothing was written", "to write to "+t.String())
}

func printBackup(w io.Writer, b *backupstore.Backup) {
	fmt.Fprintf(w, "backup  %s%s of %s\n", b.ID, quoted(b.VolumeName()), b.CreatedAt.Format("2006-01-02 15:04:05 MST"))
}

func targetWords(t *materialize.Target, size int64) string {
	switch {
	case t.Kind() == materialize.KindDevice:
		return fmt.Sprintf("block device of %s", formatSize(t.Size()))
	case t.Size() == 0:
		return fmt.Sprintf("file, will have %s", formatSize(size))
	}
	return fmt.Sprintf("existing file of %s", formatSize(t.Size()))
}

// writeRecord leaves the volume's metadata beside a file target, or where
// --metadata-out says. t is nil for standard output.
func (r *restore) writeRecord(ctx context.Context, t *materialize.Target) (string, error) {
	path := r.o.metadataOut
	switch {
	case path != "" && t != nil && sameFile(path, t.Path()): // found, so that checkMetadataOut did not know it
		return "", fmt.Errorf("--metadata-out %s is the target itself", path)
	case path != "":
	case t == nil || t.Kind() != materialize.KindFile:
		return "", nil
	default:
		path = recordPath(t)
	}
	record, err := r.backup.Record(ctx)
	if err != nil {
		return "", err
	}
	var buf bytes.Buffer
	if err := writeJSON(&buf, record); err != nil {
		return "", err
	}
	if path == "-" {
		if _, err := r.o.out.Write(buf.Bytes()); err != nil {
			return "", err
		}
		return path, nil
	}
	if err := r.o.keep(path, buf.Bytes()); err != nil {
		return "", err
	}
	return path, nil
}

// recordError is that of writeRecord, which does not make the data less right.
func recordError(data string, err error) error {
	if err == nil {
		return nil
	}
	return metadataError{fmt.Errorf("%sthe file with the metadata is not written: %w", data, err)}
}

// sameFile reports whether two names are one file, also one that is not there
// yet.
func sameFile(a, b string) bool {
	infoA, err := os.Stat(a)
	infoB, errB := os.Stat(b)
	if err == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	dirA, err := os.Stat(filepath.Dir(a))
	dirB, errB := os.Stat(filepath.Dir(b))
	return err == nil && errB == nil && os.SameFile(dirA, dirB) && filepath.Base(a) == filepath.Base(b)
}
