package backupstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Salvage is a Volume whose reads do not fail if the backup is damaged and no sibling heals it: it
// puts something else there and notes the ranges. It is safe for concurrent use.
type Salvage struct {
	*Volume
	keep func(p []byte, off int64) error

	mu   sync.Mutex
	lost ranges
	told int // ranges that are in the log
}

// maxTold ranges are logged. All are in Lost.
const maxTold = 20

// NewSalvage returns the Salvage of v. keep, if not nil, fills p with what is to be at off of the
// volume in place of damaged bytes: what a target holds there already. Otherwise that is zeros.
func NewSalvage(v *Volume, keep func(p []byte, off int64) error) *Salvage {
	return &Salvage{Volume: v, keep: keep}
}

// ReadAt is Volume.ReadAt without failing for damage.
func (s *Salvage) ReadAt(ctx context.Context, p []byte, off int64) error {
	return s.read(ctx, p, off, s.replace)
}

// Load is ReadAt.
func (s *Salvage) Load(ctx context.Context, p []byte, off int64) error {
	return s.ReadAt(ctx, p, off)
}

// Differs is Volume.Differs. What replaces damaged bytes does not differ.
func (s *Salvage) Differs(ctx context.Context, p []byte, off int64) ([]Range, error) {
	all, err := s.Volume.Differs(ctx, p, off)
	lost := s.Lost()
	if len(all) == 0 || len(lost) == 0 || err != nil {
		return all, err
	}
	var out ranges
	block := int64(s.Align())
	for _, r := range all {
		for at := r.Off; at < r.Off+r.Len; at += block {
			n := min(block, r.Off+r.Len-at)
			if !ranges(lost).has(at) || s.keep == nil && !isZero(p[at-off:at-off+n]) {
				out.add(at, n)
			}
		}
	}
	return out, nil
}

func (s *Salvage) replace(p []byte, off int64, d *DamageError) error {
	s.mu.Lock()
	before := len(s.lost)
	s.lost.add(off, int64(len(p)))
	more, told := len(s.lost) > before, s.told
	if more {
		s.told++
	}
	s.mu.Unlock()
	switch {
	case !more || told > maxTold:
	case told == maxTold:
		s.catalog.log.Warn("more bytes are lost, in more ranges than are logged",
			"backup", d.Backup)
	default:
		s.catalog.log.Warn("bytes are lost", "backup", d.Backup, "object", d.Object,
			"offset", d.Offset, "reason", d.Reason)
	}
	if s.keep != nil {
		return s.keep(p, off)
	}
	clear(p)
	return nil
}

// Lost returns the lost ranges among those that were read so far, in order.
func (s *Salvage) Lost() []Range {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lost)
}

// WriteMap writes a map file of GNU ddrescue (its manual, "Mapfile structure") for size bytes: the
// ranges in lost, in order, are "-", failed, all others "+", rescued. With it ddrescue can fill the
// lost ranges from another copy.
func WriteMap(w io.Writer, size int64, lost []Range, comment string) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b,
		"# Mapfile. Created by restorefs\n# %s\n# current_pos  current_status  current_pass\n",
		comment)
	fmt.Fprintf(b, "0x%08X     +               1\n#      pos        size  status\n", max(0, size-1))
	line := func(off, end int64, status byte) {
		if off < end {
			fmt.Fprintf(b, "0x%08X  0x%08X  %c\n", off, end-off, status)
		}
	}
	var at int64
	for _, r := range lost {
		line(at, r.Off, '+')
		line(r.Off, r.Off+r.Len, '-')
		at = r.Off + r.Len
	}
	line(at, size, '+')
	return b.Flush()
}
