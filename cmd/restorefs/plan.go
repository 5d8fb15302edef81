package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// planned is the JSON of --dry-run; its fields are a contract.
type planned struct {
	Backup     string `json:"backup"`
	Target     string `json:"target"`
	Size       int64  `json:"size"`
	DataBytes  int64  `json:"data_bytes"`
	WriteBytes int64  `json:"write_bytes"`
	ZeroBytes  int64  `json:"zero_bytes"`
	SkipBytes  int64  `json:"skip_bytes"`
	Exact      bool   `json:"exact"`
	Continues  bool   `json:"continues"`
	Refused    bool   `json:"refused"`
	// FreeBytes are what the target's file system has room for, left out where the
	// target is a device.
	FreeBytes *int64 `json:"free_bytes,omitempty"`
	// What reading WriteBytes of data takes: objects that are opened, bytes that
	// are read of them, bytes that are decompressed.
	Objects      int   `json:"objects"`
	StoredBytes  int64 `json:"stored_bytes"`
	DecodedBytes int64 `json:"decoded_bytes"`
	// Digests: each block is compared with its digest. Missing is what is not on
	// the share and would be needed.
	Digests bool           `json:"digests"`
	Missing []missingPiece `json:"missing,omitempty"`
	// What was measured in some seconds: reading and decoding WriteBytes at
	// ReadBytesPerSecond takes ReadSeconds. 0: nothing could be measured.
	ProbedBytes        int64   `json:"probed_bytes"`
	ReadBytesPerSecond int64   `json:"read_bytes_per_second"`
	ReadSeconds        float64 `json:"read_seconds"`
	// Changes are those of the metadata of the cloud's volume (--volume).
	Changes []cinderapi.Difference `json:"metadata_changes,omitempty"`
	// NewVolume would be created (--new-volume).
	NewVolume *plannedVolume `json:"new_volume,omitempty"`
	// Notes are remarks about the target, such as what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

// missingPiece is a file that is not as it should be, and where in the volume
// how much of it is wanted.
type missingPiece struct {
	Backup string `json:"backup"`
	File   string `json:"file,omitempty"`
	Reason string `json:"reason"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

// newPlanned adds to a plan what reading the backup will take.
func newPlanned(ctx context.Context, composed *backupstore.Volume, volume materialize.Volume, e materialize.Estimate, o materialize.Options) (planned, error) {
	p := planned{
		Backup: composed.Backup().ID, Target: e.Target, Size: e.Size, DataBytes: e.DataBytes, WriteBytes: e.WriteBytes,
		ZeroBytes: e.ZeroBytes, SkipBytes: e.SkipBytes, Exact: e.Exact, Continues: e.Continues, Refused: e.Refused != nil, Digests: composed.HasDigests(), Notes: e.Notes,
	}
	read := composed.Reading
	if once := composed.Copying(); once != nil && volume == materialize.Volume(composed) && !o.Delta && !e.Continues {
		read = once.Reading
	}
	r, err := read(ctx, e.Writes(ctx))
	if err != nil {
		return p, err
	}
	p.Objects, p.StoredBytes, p.DecodedBytes = r.Objects, r.StoredBytes, r.DecodedBytes
	for _, m := range r.Missing {
		p.Missing = append(p.Missing, missingPiece{m.Backup, m.Object, m.Reason, m.Offset, m.Bytes})
	}
	if p.WriteBytes == 0 || p.Refused {
		return p, nil
	}
	found, err := probe(ctx, volume, o.Jobs)
	if err != nil || found.PerSecond == 0 {
		return p, err
	}
	if limit := float64(o.BytesPerSecond); limit > 0 {
		found.PerSecond = min(found.PerSecond, limit)
	}
	p.ProbedBytes, p.ReadBytesPerSecond = found.Bytes, int64(found.PerSecond)
	p.ReadSeconds = float64(p.WriteBytes) / found.PerSecond
	return p, nil
}

func printPlan(w io.Writer, p planned, notes []string) {
	atMost := "at most "
	if p.Exact {
		atMost = ""
	}
	fmt.Fprintf(w, "target    %s\nvolume    %s, %s of it data\n", p.Target, formatSize(p.Size), formatSize(p.DataBytes))
	fmt.Fprintf(w, "share     %s%s to open, %s to read, %s to decompress\n", atMost, counted(p.Objects, "object"), formatSize(p.StoredBytes), formatSize(p.DecodedBytes))
	fmt.Fprintf(w, "write     %s%s\nzero      %s%s\nleave     %s\n", atMost, formatSize(p.WriteBytes), atMost, formatSize(p.ZeroBytes), formatSize(p.SkipBytes))
	if p.ReadBytesPerSecond > 0 {
		fmt.Fprintf(w, "time      %s%s to read and decode, at %s/s measured on %s just now; the target was not measured\n", atMost,
			time.Duration(p.ReadSeconds*float64(time.Second)).Round(time.Second/10), formatSize(p.ReadBytesPerSecond), formatSize(p.ProbedBytes))
	}
	if p.FreeBytes != nil {
		fmt.Fprintf(w, "free      %s where the target is\n", formatSize(*p.FreeBytes))
	}
	if p.Continues {
		fmt.Fprintln(w, "continues an interrupted run")
	}
	if !p.Digests {
		fmt.Fprintln(w, "digests   none: each object is compared with its MD5, as a whole")
	}
	printMissing(w, p.Missing)
	for _, n := range notes {
		fmt.Fprintln(w, "note     ", printable(n))
	}
}

// missingLines are shown at most; JSON has all.
const missingLines = 20

func printMissing(w io.Writer, missing []missingPiece) {
	for _, m := range missing[:min(len(missing), missingLines)] {
		what := m.File
		if what == "" {
			what = "backup " + m.Backup
		}
		fmt.Fprintf(w, "missing   %s: %s", what, printable(m.Reason))
		if m.Bytes > 0 {
			fmt.Fprintf(w, "; %s of the volume, the first at byte %d", formatSize(m.Bytes), m.Offset)
		}
		fmt.Fprintln(w)
	}
	if n := len(missing) - missingLines; n > 0 {
		fmt.Fprintf(w, "missing   %d more\n", n)
	}
}

// lacking says what the restore of a backup lacks that cannot be composed: what
// is wrong with it, or with the first of its parents of which that can be said.
func (r *restore) lacking() error {
	b := r.backup
	p := planned{Backup: b.ID, Target: r.o.target, Size: b.Size}
	for l := b; l != nil; l = l.Parent() {
		if l.State != backupstore.Complete {
			for _, problem := range l.Problems {
				p.Missing = append(p.Missing, missingPiece{Backup: l.ID, Reason: problem})
			}
		}
	}
	if r.o.json {
		return writeJSON(r.o.out, p)
	}
	printMissing(r.o.out, p.Missing)
	return nil
}
