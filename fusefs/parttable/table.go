package parttable

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Table is what a disk says about its partitions. The zero value is a disk without a table: it is
// blank, a single file system, or unknown.
type Table struct {
	// SectorBytes is 512 or 4096, or 0 if there is no table.
	SectorBytes int64

	// Partitions are in the order of the table, logical ones behind the others.
	Partitions []Partition

	// Problems tell the operator what is wrong with the table and where Linux shows other
	// partitions than these. There may be problems without partitions.
	Problems []string
}

// Partition is a part of a disk. In an MBR, the numbers of logical partitions begin at 5.
type Partition struct {
	Number      int
	Start, Size int64 // in bytes
}

// Read reads the partition table of a disk of size bytes. r must return all bytes asked for or an
// error. An error of Read means that the disk could not be read where the table should be; a table
// that makes no sense is not an error.
func Read(r io.ReaderAt, size int64) (Table, error) {
	d := disk{r: r, size: size}
	if size < 512 {
		return d.Table, nil
	}
	first := make([]byte, 2048) // with the superblock of an ext file system
	first = first[:min(size, int64(len(first)))]
	if err := d.read(first, 0, "the first sector"); err != nil {
		// There may be a GPT whose second copy is good.
		if d.readGPT() != nil || d.SectorBytes == 0 {
			return Table{}, err
		}
		d.findOverlaps()
		return d.Table, nil
	}
	m, ok := parseMBR(first)
	switch {
	case !ok:
		d.nameOtherLabel()
	case !m.protects():
		d.readMBR(m, first)
	default:
		if err := d.readGPT(); err != nil {
			return Table{}, err
		}
		if d.isGPT && !m.announces() {
			d.problem("the MBR's entry for the GPT does not begin at sector 1; Linux wants that, " +
				"and shows no partitions")
		}
	}
	d.findOverlaps()
	return d.Table, nil
}

// disk is a disk while its table is read.
type disk struct {
	Table
	r    io.ReaderAt
	size int64

	isGPT  bool
	full   bool // of partitions
	beyond bool // a number that Linux leaves out was reported
}

// read fills p from byte off on, which must lie inside the disk.
func (d *disk) read(p []byte, off int64, what string) error {
	n, err := d.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %s at byte %d: %w", what, off, err)
}

func (d *disk) problem(format string, args ...any) {
	if len(d.Problems) < maxProblems {
		d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
	}
}

// sectors returns the number of whole sectors of the disk.
func (d *disk) sectors() uint64 { return uint64(d.size / d.SectorBytes) }

// add adds a partition that begins at sector start.
func (d *disk) add(number int, start, sectors uint64) {
	all := d.sectors()
	if start >= all {
		d.problem("partition %d begins at sector %d, behind the end of the disk, which has %d; "+
			"it is left out", number, start, all)
		return
	}
	if len(d.Partitions) == maxPartitions {
		if !d.full {
			d.problem("there are more than %d partitions; the others are left out", maxPartitions)
		}
		d.full = true
		return
	}
	if left := all - start; sectors > left {
		linux := ""
		if d.isGPT {
			linux = " (Linux leaves it out)"
		}
		d.problem("partition %d has %d sectors, %d of them behind the end of the disk; "+
			"it ends there%s", number, sectors, sectors-left, linux)
		sectors = left
	}
	d.Partitions = append(d.Partitions, Partition{number, int64(start) * d.SectorBytes,
		int64(sectors) * d.SectorBytes})
}

// findOverlaps reports partitions that overlap. They are shown nevertheless.
func (d *disk) findOverlaps() {
	sorted := slices.Clone(d.Partitions)
	slices.SortFunc(sorted, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Number, b.Number))
	})
	for i := 1; i < len(sorted); i++ {
		far, p := sorted[i-1], sorted[i]
		if p.Start < far.Start+far.Size {
			d.problem("partitions %d and %d overlap", far.Number, p.Number)
		}
		if far.Start+far.Size > p.Start+p.Size {
			sorted[i] = far // far may overlap the next one too
		}
	}
}
