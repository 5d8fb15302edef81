package attended

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Result is materialize's JSON; its fields are a contract.
type Result struct {
	Backup       string  `json:"backup"`
	Target       string  `json:"target"`
	Size         int64   `json:"size"`
	BytesWritten int64   `json:"bytes_written"`
	BytesZeroed  int64   `json:"bytes_zeroed"`
	BytesSkipped int64   `json:"bytes_skipped"`
	Verified     bool    `json:"verified"`
	Seconds      float64 `json:"seconds"`
	Metadata     string  `json:"metadata"` // file with the metadata, "" for none
	// Healed was read from other backups of the volume; Lost, with --salvage, could not be read at
	// all.
	Healed  []report.Range `json:"healed,omitempty"`
	Lost    []report.Range `json:"lost,omitempty"`
	Overlay string         `json:"overlay,omitempty"` // the directory of --overlay
	// VolumeID is the cloud's volume that was the target, "" for none.
	VolumeID string `json:"volume_id,omitempty"`
	// Volume is the cloud's volume whose metadata was restored.
	Volume *RestoredVolume `json:"volume,omitempty"`
	// Notes are remarks about the target, such as what could not be looked at.
	Notes []string     `json:"notes,omitempty"`
	Disk  *report.Disk `json:"disk,omitempty"` // what is on it
}

// finish reports a restore whose data is safe, and restores the metadata of the cloud's volume, if
// the target is one.
func (r *restoring) finish(ctx context.Context) error {
	b, done := r.backup, r.done
	out := Result{
		Backup: b.ID, Target: done.Path, Size: done.Size,
		BytesWritten: done.BytesWritten, BytesZeroed: done.BytesZeroed,
		BytesSkipped: done.BytesSkipped,
		Verified:     len(done.Lost) == 0 && b.Doubt() == "", Seconds: done.Duration.Seconds(),
		Healed: report.Ranges(done.Healed), Lost: report.Ranges(done.Lost), Notes: done.Notes,
		Metadata: done.Record, Overlay: r.o.Engine.Overlay,
	}
	if r.o.qcow2 {
		out.Disk = lookAtBackup(ctx, r.engine.Volume())
	} else {
		out.Disk = lookAtTarget(done.Path, done.Size)
	}
	if r.cloud != nil {
		out.VolumeID = r.cloud.Volume.ID
	}
	data, proof := r.proofWords()
	recordErr := done.RecordErr
	if r.o.Engine.NoRecord {
		if recordErr = r.printRecord(ctx); recordErr == nil {
			out.Metadata = "-"
		}
	}
	recordErr = recordError(data, recordErr)
	if !r.o.JSON {
		printRestored(r.o.reportTo(), done, out, proof)
	}
	var err error
	out.Volume, err = r.cloud.restoreMetadata(ctx, b, data)
	if r.o.JSON {
		recordErr = errors.Join(recordErr, wording.WriteJSON(r.o.Out, out))
	}
	return errors.Join(recordErr, err)
}

// proofWords returns the state of the data, to precede other messages, and what proves it.
func (r *restoring) proofWords() (data, proof string) {
	data, proof = "the data is restored and verified; ", "every block verified"
	if len(r.done.Lost) > 0 {
		data = "the data is restored, except for what is lost; "
		proof = "every block that is not lost verified"
	}
	if r.backup.Doubt() != "" {
		data, proof = "the data is restored; ", "objects compared with their MD5"
	}
	if r.done.Verified {
		proof += ", and read back from the target"
	}
	if dir := r.o.Engine.Overlay; dir != "" {
		proof += "; what was written onto it is from " + dir + ", and has no digests"
	}
	return data, proof
}

// printRestored reports a restore to people.
func printRestored(w io.Writer, done restore.Result, out Result, proof string) {
	fmt.Fprintf(w, "restored backup %s to %s\n  %s in %.1f s: %s written, %s zero, %s already "+
		"right; %s\n",
		out.Backup, done.Target, wording.Size(out.Size), out.Seconds,
		wording.Size(out.BytesWritten), wording.Size(out.BytesZeroed),
		wording.Size(out.BytesSkipped), proof)
	if len(done.Healed) > 0 {
		fmt.Fprintf(w, "  %s taken from other backups of the volume\n",
			wording.Count(len(done.Healed), "damaged range"))
	}
	if out.Metadata != "" && out.Metadata != "-" {
		fmt.Fprintf(w, "  the volume's name, metadata and more are in %s\n", out.Metadata)
	}
	for _, line := range out.Disk.RestoredLines() {
		fmt.Fprintf(w, "  %s\n", wording.Printable(line))
	}
}

// reportTo returns where a restore is reported: on stderr if --metadata-out - uses stdout.
func (o Options) reportTo() io.Writer {
	if o.MetadataOut == "-" {
		return o.Err
	}
	return o.Out
}

// printRecord writes the volume's metadata to stdout.
func (r *restoring) printRecord(ctx context.Context) error {
	text, err := r.engine.RecordText(ctx)
	if err != nil {
		return err
	}
	_, err = r.o.Out.Write(text)
	return err
}

// recordError is the error of a restore whose data is right and whose record was not written.
func recordError(data string, err error) error {
	if err == nil {
		return nil
	}
	return exitcode.MetadataFailed(fmt.Errorf("%sthe file with the metadata is not written: %w",
		data, err))
}

// noteReflink prints that --reflink had no effect.
func (r *restoring) noteReflink() {
	if r.o.Engine.Copy.Reflink && r.done.BytesInKernel == 0 && r.done.BytesWritten > 0 {
		fmt.Fprintln(r.o.Err, "note    --reflink shared nothing: "+
			"that takes a backup that is not compressed and has digests, and a new file "+
			"on the share's own file system (XFS, btrfs) or on its NFS 4.2 server. "+
			"The restore is none the worse")
	}
}
