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
	// Objects and StoredBytes are of the whole chain: what is read is no more,
	// and less where a newer layer covers an older one.
	Objects     int   `json:"objects"`
	StoredBytes int64 `json:"stored_bytes"`
	// What was measured in some seconds: reading and decoding WriteBytes at
	// ReadBytesPerSecond takes ReadSeconds. 0: nothing could be measured.
	ProbedBytes        int64   `json:"probed_bytes"`
	ReadBytesPerSecond int64   `json:"read_bytes_per_second"`
	ReadSeconds        float64 `json:"read_seconds"`
	// Changes are those of the metadata of the cloud's volume (--volume).
	Changes []cinderapi.Difference `json:"metadata_changes,omitempty"`
	// NewVolume would be created (--new-volume).
	NewVolume *plannedVolume `json:"new_volume,omitempty"`
}

// newPlanned adds to a plan what reading the backup will take.
func newPlanned(ctx context.Context, b *backupstore.Backup, volume materialize.Volume, e materialize.Estimate, o materialize.Options) (planned, error) {
	p := planned{
		Backup: b.ID, Target: e.Target, Size: e.Size, DataBytes: e.DataBytes, WriteBytes: e.WriteBytes,
		ZeroBytes: e.ZeroBytes, SkipBytes: e.SkipBytes, Exact: e.Exact, Continues: e.Continues, Refused: e.Refused != nil,
	}
	for _, layer := range b.Chain() {
		p.Objects += layer.Objects
		p.StoredBytes += layer.StoredBytes
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
	fmt.Fprintf(w, "share     at most %d objects to open and %s to read\n", p.Objects, formatSize(p.StoredBytes))
	fmt.Fprintf(w, "write     %s%s\nzero      %s%s\nleave     %s\n", atMost, formatSize(p.WriteBytes), atMost, formatSize(p.ZeroBytes), formatSize(p.SkipBytes))
	if p.ReadBytesPerSecond > 0 {
		fmt.Fprintf(w, "time      %s%s to read and decode, at %s/s measured on %s just now; the target was not measured\n", atMost,
			time.Duration(p.ReadSeconds*float64(time.Second)).Round(time.Second/10), formatSize(p.ReadBytesPerSecond), formatSize(p.ProbedBytes))
	}
	if p.Continues {
		fmt.Fprintln(w, "continues an interrupted run")
	}
	for _, n := range notes {
		fmt.Fprintln(w, "note     ", printable(n))
	}
}
