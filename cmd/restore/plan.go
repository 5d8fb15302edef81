package restore

import (
	"context"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
)

// Plan is what a restore would do. As JSON its fields are a contract.
type Plan struct {
	Backup     string `json:"backup"`
	Target     string `json:"target"`
	Size       int64  `json:"size"`
	DataBytes  int64  `json:"data_bytes"`
	WriteBytes int64  `json:"write_bytes"`
	ZeroBytes  int64  `json:"zero_bytes"`
	SkipBytes  int64  `json:"skip_bytes"`
	Exact      bool   `json:"exact"` // else WriteBytes and ZeroBytes are upper bounds
	Continues  bool   `json:"continues"`
	Refused    bool   `json:"refused"`
	// FreeBytes is how much can be written to the target on its file system, nil if there is no
	// such limit (a device) or it is not known.
	FreeBytes *int64 `json:"free_bytes,omitempty"`
	// What reading WriteBytes of data needs: how many objects are opened, how many bytes of them
	// are read, and how many are decompressed.
	Objects      int   `json:"objects"`
	StoredBytes  int64 `json:"stored_bytes"`
	DecodedBytes int64 `json:"decoded_bytes"`
	// Digests says that each block is compared with its digest. Missing lists what is needed and
	// not on the share.
	Digests bool      `json:"digests"`
	Missing []Missing `json:"missing,omitempty"`
	// Measured in some seconds: reading and decoding WriteBytes at ReadBytesPerSecond takes
	// ReadSeconds. All are 0 if nothing could be measured.
	ProbedBytes        int64   `json:"probed_bytes"`
	ReadBytesPerSecond int64   `json:"read_bytes_per_second"`
	ReadSeconds        float64 `json:"read_seconds"`

	// Refusal is why the target must not be written, nil if it may.
	Refusal error `json:"-"`
	// Notes are remarks about the target, such as what could not be looked at.
	Notes []string `json:"-"`
}

// Missing is a file that is missing or damaged, and how many bytes of it are needed where in the
// volume.
type Missing struct {
	Backup string `json:"backup"`
	File   string `json:"file,omitempty"`
	Reason string `json:"reason"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

// Plan returns what To would do. A target that would be refused is no error, see Plan.Refusal.
func (r *Restore) Plan(ctx context.Context, name string) (Plan, error) {
	e, err := materialize.Plan(ctx, r.volume, name, r.openOptions(), r.o.Copy)
	if err != nil {
		return Plan{}, err
	}
	p, err := r.plan(ctx, e)
	if e.Refused != nil {
		p.Refusal = r.occupied(name, e.Refused)
	}
	p.FreeBytes = freeFor(Resolve(name))
	return p, err
}

// PlanStream returns what Stream would do.
func (r *Restore) PlanStream(ctx context.Context, name string) (Plan, error) {
	e, err := materialize.PlanUnseen(ctx, r.volume, name)
	if err != nil {
		return Plan{}, err
	}
	e.ZeroBytes = e.Size - e.DataBytes // zeros are written like data
	return r.plan(ctx, e)
}

// PlanNew returns what To would do with a target that does not exist yet and of which only the name
// is known. blank says that it will read as zeros.
func (r *Restore) PlanNew(ctx context.Context, name string, blank bool) (Plan, error) {
	e, err := materialize.PlanUnseen(ctx, r.volume, name)
	if err != nil {
		return Plan{}, err
	}
	e.Exact = blank
	return r.plan(ctx, e)
}

// PlanQcow2 returns what ToQcow2 would do.
func (r *Restore) PlanQcow2(ctx context.Context, name string) (Plan, error) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		return Plan{}, &NoQemuImgError{err}
	}
	e, err := materialize.PlanUnseen(ctx, r.volume, name)
	if err != nil {
		return Plan{}, err
	}
	target, err := openNewFile(ctx, name, r.volume.Size(), r.o.Keeper.Force)
	if refused := refusal(err); refused != nil {
		e.Refused = refused
	} else if err != nil {
		return Plan{}, err
	} else {
		e.Notes = append(e.Notes,
			"as qcow2: zeros take no room, and its tables some more than the data")
		target.Close()
	}
	p, err := r.plan(ctx, e)
	if e.Refused != nil {
		p.Refusal = e.Refused
	}
	p.Target = Resolve(name)
	p.FreeBytes = freeFor(p.Target)
	return p, err
}

// plan makes a Plan of an estimate and adds what reading the backup will need.
func (r *Restore) plan(ctx context.Context, e materialize.Estimate) (Plan, error) {
	p := Plan{
		Backup: r.Backup.ID, Target: e.Target, Size: e.Size, DataBytes: e.DataBytes,
		WriteBytes: e.WriteBytes, ZeroBytes: e.ZeroBytes,
		SkipBytes: e.SkipBytes, Exact: e.Exact, Continues: e.Continues, Refused: e.Refused != nil,
		Digests: r.composed.HasDigests(), Notes: e.Notes,
	}
	read := r.composed.Reading
	if once := r.composed.Copying(); once != nil && r.volume == materialize.Source(r.composed) &&
		!r.o.Copy.Delta && !e.Continues {
		read = once.Reading
	}
	writes := e.Writes(ctx)
	if r.plain != nil {
		writes = r.plain.below(writes)
	}
	reading, err := read(ctx, writes)
	if err != nil {
		return p, err
	}
	p.Objects, p.StoredBytes, p.DecodedBytes = reading.Objects, reading.StoredBytes,
		reading.DecodedBytes
	for _, m := range reading.Missing {
		p.Missing = append(p.Missing, Missing{m.Backup, m.Object, m.Reason, m.Offset, m.Bytes})
	}
	if p.WriteBytes == 0 || p.Refused {
		return p, nil
	}
	found, err := probe(ctx, r.volume, r.o.Copy.Jobs, r.o.Copy.BytesPerSecond)
	if err != nil || found.PerSecond == 0 {
		return p, err
	}
	if limit := float64(r.o.Copy.BytesPerSecond); limit > 0 {
		found.PerSecond = min(found.PerSecond, limit)
	}
	p.ProbedBytes, p.ReadBytesPerSecond = found.Bytes, int64(found.PerSecond)
	p.ReadSeconds = float64(p.WriteBytes) / found.PerSecond
	return p, nil
}

// Fits reports whether the target's file system has space for all that would be written. If it has
// not, a file system that compresses may still have enough.
func (p Plan) Fits() bool {
	return p.FreeBytes == nil || p.Refused || p.WriteBytes <= *p.FreeBytes
}

// Lacking returns what a backup lacks that cannot be planned: the problems of it and of those of
// its parents that are known.
func Lacking(b *backupstore.Backup) (missing []Missing) {
	for l := b; l != nil; l = l.Parent() {
		if l.State != backupstore.Complete {
			for _, problem := range l.Problems {
				missing = append(missing, Missing{Backup: l.ID, Reason: problem})
			}
		}
	}
	return missing
}

// freeFor returns how many bytes can be written to a file: what its file system has free for this
// user, and what the file has already. It returns nil if there is no such limit, or it is not
// known.
func freeFor(path string) *int64 {
	var held int64
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err == nil {
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil
		}
		held = st.Blocks * 512
	}
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &s); err != nil {
		return nil
	}
	free := held + int64(s.Bavail)*int64(s.Bsize)
	return &free
}
