package attended

import (
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/device"
)

// restoring is one run of materialize. It belongs to one goroutine.
type restoring struct {
	o       Options
	share   *locate.Share
	given   cmdline.Given // with the share, for commands that repeat them
	catalog *backupstore.Catalog
	backup  *backupstore.Backup
	engine  *restore.Restore
	keys    *keys.Keys // of an encrypted volume; nil: it stays encrypted
	done    restore.Result

	cloud     *cloudVolume   // the target, if it is one; closed with the run
	found     *device.Device // the target, if it was found
	saysHow   bool           // the caller says how to continue a run that ends early
	confirmed bool           // the operator has said yes already
}

// outside refuses a path on the share.
func (r *restoring) outside(path string) error { return r.o.Engine.Keeper.Outside(path) }

func (r *restoring) close() {
	if r.engine != nil {
		r.engine.Close()
	}
	r.keys.Close()
	r.cloud.close()
	r.catalog.Close()
}

// brokenWords adds to the error for a broken backup what can be done; nil for nil.
func brokenWords(err error) error {
	if broken, ok := errors.AsType[*restore.BrokenError](err); ok && broken.Salvageable() {
		return fmt.Errorf("%w; --salvage restores what can be had", err)
	}
	return err
}

// explained adds to the error of a restore what the operator can do.
func (r *restoring) explained(name string, err error) error {
	if occupied, ok := errors.AsType[*restore.OccupiedError](err); ok {
		return r.maybeFinished(name, occupied)
	}
	if failed, ok := errors.AsType[*restore.CopyError](err); ok {
		unproven(r.o.Err, r.backup.ID, failed.Unproven)
		if errors.Is(failed.Err, backupstore.ErrDamaged) {
			return r.howToSalvage(name, failed)
		}
		return r.howToContinue(name, failed)
	}
	if missing, ok := errors.AsType[*restore.NoQemuImgError](err); ok {
		return fmt.Errorf("--format qcow2 needs the program qemu-img (Debian: qemu-utils): %w; "+
			"without it, restore a raw file", missing.Err)
	}
	return err
}

// howToSalvage adds to the error of a copy of a damaged backup how to restore what is right of it.
func (r *restoring) howToSalvage(name string, failed *restore.CopyError) error {
	if r.o.Engine.Salvage != restore.NoSalvage {
		return failed
	}
	err := fmt.Errorf("%w\n\"restorefs verify --volume %s\" says which backups of the volume "+
		"are whole", failed, r.backup.VolumeID)
	if r.saysHow || r.o.qcow2 || name == "-" {
		return fmt.Errorf("%w; --salvage restores all that is right of this one (not as qcow2)",
			err)
	}
	return fmt.Errorf("%w\nto restore all that is right of this one:\n  %s", err,
		r.o.continuing(r.given, failed.Marked, nil, "--salvage", r.backup.ID, name))
}

// howToContinue adds to the error of a copy the command that continues it, if that can succeed.
func (r *restoring) howToContinue(name string, failed *restore.CopyError) error {
	_, refused := errors.AsType[*materialize.RefusedError](failed.Err)
	_, wrong := errors.AsType[*materialize.MismatchError](failed.Err)
	if r.saysHow || refused || wrong || errors.Is(failed.Err, backupstore.ErrDamaged) {
		return failed
	}
	return fmt.Errorf("%w\nto continue:  %s", failed,
		r.o.continuing(r.given, failed.Marked, nil, r.backup.ID, name))
}

// maybeFinished adds to the refusal of a target that holds something how to find out whether it is
// this backup, which an earlier run of the same command may have restored unnoticed. Only the bytes
// can show that, so it is not decided here, and --force should not be the first thing to try.
func (r *restoring) maybeFinished(name string, occupied *restore.OccupiedError) error {
	refused := error(occupied)
	if r.o.Engine.Copy.Delta {
		refused = fmt.Errorf("%w\n--delta writes only what differs, but into what is there: to "+
			"allow that, say --delta --force", occupied)
	}
	says := "was this backup restored to it already? This tells, and writes nothing:"
	if occupied.Record != "" {
		says = fmt.Sprintf("a restore of this backup ended here, as %s says. This proves that it "+
			"is still whole, and writes nothing:", occupied.Record)
	}
	if r.o.Decrypt {
		return fmt.Errorf("%w\nit may be the plain disk of this backup already, or the volume as "+
			"it is, encrypted; restorefs verify --target tells only of the latter, as its proofs "+
			"are of encrypted bytes. To compare the plain disk, read volume.plain.raw of a mount",
			refused)
	}
	words := append([]string{"restorefs", "verify"},
		r.given.Only("share", "cinder-conf", "mount-options", "share-timeout")...)
	return fmt.Errorf("%w\n%s\n  %s", refused, says,
		wording.ShellCommand(append(words, "--target", name, r.backup.ID)))
}

// unprovenLines bounds the lines that are printed.
const unprovenLines = 20

// unproven prints what a failed run has written without proof.
func unproven(w io.Writer, id string, ranges []backupstore.Range) {
	for _, p := range ranges[:min(len(ranges), unprovenLines)] {
		fmt.Fprintf(w, "not proven: bytes %d to %d were written; the object that they come from "+
			"is damaged, or was not read to its end\n", p.Off, p.Off+p.Len)
	}
	if n := len(ranges) - unprovenLines; n > 0 {
		fmt.Fprintf(w, "not proven: %d more ranges\n", n)
	}
	if len(ranges) > 0 {
		fmt.Fprintf(w, "do not use the target as it is: \"restorefs verify %s\" says which "+
			"objects are damaged, and --salvage restores all that is right\n", id)
	}
}
