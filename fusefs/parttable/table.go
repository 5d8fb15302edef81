package parttable

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Table is what a disk says about its partitions. The zero value is a disk
// without: it is blank, or one file system, or unknown.
type Table struct {
	// SectorBytes is 512 or 4096, 0 where there is no table.
	SectorBytes int64

	// Partitions are in the table's order, logical ones behind the others.
	Partitions []Partition

	// Problems say what is wrong with the table, and where Linux shows other
	// partitions than these, for people. There may be problems and no
	// partitions.
	Problems []string
}

// Partition is a part of a disk. In an MBR, logical partitions have numbers
// from 5 on.
type Partition struct {
	Number      int
	Start, Size int64 // in bytes
}

// Read reads the table of a disk of size bytes. r must give exactly what is
// asked for, or an error. An error means that the disk could not be read where
// the table should be; a table that makes no sense is no error.
func Read(r io.ReaderAt, size int64) (Table, error) {
	d := disk{r: r, size: size}
	if size < 512 {
		return d.Table, nil
	}
	first := make([]byte, 2048) // with the superblock of an ext file system
	first = first[:min(size, int64(len(first)))]
	if err := d.read(first, 0, "the first sector"); err != nil {
		// Whether there is a GPT cannot be told, but its second copy may be good.
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
			d.problem("the MBR's entry for the GPT does not begin at sector 1; Linux wants that, and shows no partitions")
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
	beyond bool // a number beyond those of Linux was told of
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

// sectors is how many whole ones the disk has.
func (d *disk) sectors() uint64 { return uint64(d.size / d.SectorBytes) }

// add takes a partition over: from one sector on, some sectors long.
func (d *disk) add(number int, start, sectors uint64) {
	all := d.sectors()
	if start >= all {
		d.problem("partition %d begins at sector %d, behind the end of the disk, which has %d; it is left out", number, start, all)
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
		d.problem("partition %d has %d sectors, %d of them behind the end of the disk; it ends there%s", number, sectors, sectors-left, linux)
		sectors = left
	}
	d.Partitions = append(d.Partitions, Partition{number, int64(start) * d.SectorBytes, int64(sectors) * d.SectorBytes})
}

// findOverlaps tells of partitions that share bytes. Each is shown as it is.
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
			sorted[i] = far // it may reach over the next one as well
		}
	}
}
