package mapper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// SectorBytes is the unit of tables.
const SectorBytes = 512

// Range is a range of bytes.
type Range = struct{ Off, Len int64 }

// nameText is what the device mapper takes for a name without mangling it, and a path below
// /dev/mapper cannot be mistaken.
var nameText = regexp.MustCompile(`^[A-Za-z0-9_+:@=][A-Za-z0-9_.+:@=-]{0,126}$`)

// CheckName refuses what cannot be the name of a device.
func CheckName(name string) error {
	if !nameText.MatchString(name) || name == "control" {
		return fmt.Errorf("%q cannot be a name below /dev/mapper: letters, digits and "+
			"_ . + : @ = -", name)
	}
	return nil
}

// Path returns the path of the device of a name.
func Path(name string) string { return "/dev/mapper/" + name }

// Table is what a device shows: the bytes of a device below it, from its start, and errors where
// they are not to be read.
type Table struct {
	Device string
	Size   int64   // in bytes, of whole sectors
	Errors []Range // in order; rounded outward to sectors
}

// text returns the table as dmsetup reads it.
func (t Table) text() string {
	var b strings.Builder
	size, at := t.Size/SectorBytes, int64(0)
	segment := func(end int64, target string) {
		if at < end {
			fmt.Fprintf(&b, "%d %d %s\n", at, end-at, target)
			at = end
		}
	}
	linear := func() string { return fmt.Sprintf("linear %s %d", t.Device, at) }
	for _, r := range t.Errors {
		segment(min(r.Off/SectorBytes, size), linear())
		segment(min((r.Off+r.Len+SectorBytes-1)/SectorBytes, size), "error")
	}
	segment(size, linear())
	return b.String()
}

// Device is a device of the mapper that this package made, or is to make.
type Device struct {
	Name string
	ID   string // of the restore that it is made for: part of its UUID, which no other has
}

func (d Device) uuid() string { return "RESTOREFS-live-" + d.ID }

// Info is what the kernel says of a device.
type Info struct {
	Open      int // how often it is open, mounts included
	Suspended bool
}

// ErrForeign: a device of that name exists that was not made for this.
var ErrForeign = errors.New("there is another device of that name")

// Find looks for the device. ok is false if there is none of that name. The error is ErrForeign if
// there is one that is another's.
func (d Device) Find(ctx context.Context) (info Info, ok bool, err error) {
	out, err := run(ctx, "", "dmsetup", "info", "-c", "--noheadings", "--separator", "\t", "-o",
		"name,uuid,open,suspended")
	if err != nil {
		return Info{}, false, err
	}
	return d.in(out)
}

// in is Find in what dmsetup says of all devices.
func (d Device) in(out string) (info Info, ok bool, err error) {
	for line := range strings.Lines(out) {
		field := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(field) != 4 || field[0] != d.Name {
			continue
		}
		if field[1] != d.uuid() {
			return Info{}, true, fmt.Errorf("%s: %w: choose another one with --name, or remove it "+
				"if nobody uses it (dmsetup remove %s)", Path(d.Name), ErrForeign, d.Name)
		}
		info.Open, err = strconv.Atoi(field[2])
		if err != nil {
			return Info{}, true, fmt.Errorf("dmsetup says that %s is open %q times", d.Name,
				field[2])
		}
		info.Suspended = strings.EqualFold(field[3], "suspended")
		return info, true, nil
	}
	return Info{}, false, nil
}

// Create makes the device.
func (d Device) Create(ctx context.Context, t Table) error {
	if _, err := run(ctx, t.text(), "dmsetup", "create", d.Name, "--uuid", d.uuid()); err != nil {
		return err
	}
	return d.node(ctx, true)
}

// node sees to it that the device's name is below /dev/mapper, or is not. dmsetup leaves that to
// udev, and where none runs (a container, an early boot) nobody does it.
func (d Device) node(ctx context.Context, wanted bool) error {
	if _, err := os.Lstat(Path(d.Name)); (err == nil) == wanted {
		return nil
	}
	_, err := run(ctx, "", "dmsetup", "mknodes", d.Name)
	return err
}

// Swap exchanges the table of a device that may be in use: whoever uses it waits meanwhile, and
// notices nothing else. While it waits between is called, which returns the table: the one that was
// loaded before, or another one. If that fails, or the new table cannot be loaded, the device goes
// on with the old one.
func (d Device) Swap(ctx context.Context, t Table, between func() (Table, error)) (err error) {
	if err := d.load(ctx, t); err != nil {
		return errors.Join(err, d.clear(ctx))
	}
	if _, err := run(ctx, "", "dmsetup", "suspend", "--nolockfs", d.Name); err != nil {
		return errors.Join(err, d.clear(ctx), d.resume(ctx))
	}
	now, err := between()
	if err == nil && now.text() != t.text() {
		err = d.load(ctx, now)
	}
	if err != nil {
		return errors.Join(err, d.clear(ctx), d.resume(ctx))
	}
	return d.resume(ctx)
}

func (d Device) load(ctx context.Context, t Table) error {
	_, err := run(ctx, t.text(), "dmsetup", "load", d.Name)
	return err
}

// clear forgets a table that was loaded and is not in force.
func (d Device) clear(ctx context.Context) error {
	_, err := run(ctx, "", "dmsetup", "clear", d.Name)
	return err
}

func (d Device) resume(ctx context.Context) error {
	_, err := run(ctx, "", "dmsetup", "resume", d.Name)
	return err
}

// Remove takes away a device that nobody uses.
func (d Device) Remove(ctx context.Context) error {
	if _, err := run(ctx, "", "dmsetup", "remove", "--retry", d.Name); err != nil {
		return err
	}
	return d.node(ctx, false)
}
