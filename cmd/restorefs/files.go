package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/inside"
)

const filesHelp = `
PATH is a path inside the disk, /etc/fstab. Where files of several partitions can be
read it is looked for on each of them; p2:/etc/fstab says which. Symbolic links on
the way are followed within their file system. A journal that the machine had not
worked off is replayed in memory. Neither root nor FUSE is needed.`

// The memory of commands that read files inside a disk. Names and a file or two need little; a copy
// of many files goes back and forth on the disk, and decodes three times as much with 64 MiB as
// with 96, and no less with more.
const (
	memoryToLook = "64MiB"
	memoryToCopy = "96MiB"
)

// filesFlagsOf are the flags of each command that reads files inside a disk.
func filesFlagsOf(memory string, own ...cli.Flag) []cli.Flag {
	return append(own, shareFlag(), memoryFlagOf(memory), cacheDirFlag(),
		overlayFlag("read what was written onto BACKUP where it was mounted with --overlay `DIR`"))
}

// filesOptions are what these flags and the arguments ask for.
type filesOptions struct {
	common
	overlay string
}

func filesOptionsOf(c *cli.Context) filesOptions {
	return filesOptions{common: commonOf(c), overlay: c.String("overlay")}
}

// filesRun is a command that reads files inside a disk.
type filesRun struct {
	filesOptions
	share   *locate.Share
	backup  string   // its id
	paths   []string // the other arguments
	disk    *files.Disk
	damaged error // the first damage of the backup that a file met
	failed  int   // files, or directories of which not all was read
	noted   map[string]bool
	about   string // what notes begin with
}

// run opens the disk of the backup that the first argument names, and calls fn. usage says which
// arguments the command takes, of which there are least at least.
func (o filesOptions) run(ctx context.Context, usage string, least int,
	fn func(*filesRun) error) error {
	if len(o.args) < least {
		return cmdline.Usagef("%s takes %s; see \"restorefs %s --help\"", o.command,
			usage, o.command)
	}
	memory, err := o.memory.Bound()
	if err != nil {
		return err
	}
	if o.overlay != "" {
		if err := places.CheckOverlays(o.cache.Group, o.overlay); err != nil {
			return err
		}
	}
	catalog, share, err := o.open(ctx, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := o.find(catalog, o.arg(0))
	if err != nil {
		return err
	}
	disk, err := files.Open(ctx, catalog, b, files.Options{
		CacheBytes: memory, MemoryFor: o.memory.EnoughFor(), Overlay: o.overlay, Logger: o.log,
	})
	if o.overlay != "" && errors.Is(err, fs.ErrNotExist) {
		return cmdline.Usagef(
			"nothing was written onto backup %s in %s: leave --overlay out, or see "+
				"\"restorefs overlay list %s\"", b.ID, o.overlay, o.overlay)
	}
	if err != nil {
		return err
	}
	defer disk.Close()
	r := &filesRun{filesOptions: o, share: share, backup: b.ID, paths: o.args[1:], disk: disk}
	err = advised(fn(r))
	r.notes() // what was noticed while files were read
	return err
}

// find finds a file that an argument names.
func (r *filesRun) find(path string, follow bool) (*files.Node, error) {
	n, note, err := r.disk.Find(path, follow)
	if err != nil {
		return nil, err
	}
	if note != "" {
		r.note(note)
	}
	return n, nil
}

// findAll is find for several arguments.
func (r *filesRun) findAll(paths []string) ([]*files.Node, error) {
	var out []*files.Node
	for _, path := range paths {
		n, err := r.find(path, false)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// notes tells what the file systems that were opened say of themselves, each note once.
func (r *filesRun) notes() {
	for _, p := range r.disk.Parts {
		info, ok := r.disk.Opened(p)
		if !ok {
			continue
		}
		if strings.HasPrefix(info.Journal, "not replayed") {
			r.note(fmt.Sprintf(
				"%s: its journal is %s: what it holds may be old, or contradict itself",
				p.Name,
				info.Journal,
			))
		}
		for _, note := range info.Notes {
			r.note(p.Name + ": " + note)
		}
	}
}

func (r *filesRun) note(text string) {
	if r.noted == nil {
		r.noted = map[string]bool{}
	}
	if !r.noted[text] {
		r.noted[text] = true
		fmt.Fprintf(r.Err, "note    %s%s\n", r.about, wording.Printable(text))
	}
}

// told prints a file that failed, and keeps damage for the exit code.
func (r *filesRun) told(path string, err error) {
	r.failed++
	if r.damaged == nil && files.Damaged(err) {
		r.damaged = err
	}
	fmt.Fprintf(r.Err, "restorefs: %s: %s\n", filereport.Name(path), exitcode.Explain(err))
}

// left prints a file that was left out.
func (r *filesRun) left(path, why string) {
	fmt.Fprintf(r.Err, "left out: %s: %s\n", filereport.Name(path), why)
}

// result is the error of a command that went on after some files failed; done says what it did.
func (r *filesRun) result(done string) error {
	switch {
	case r.failed == 0:
		return nil
	case r.damaged != nil: // the words are there already; the exit code is that of damage
		return fmt.Errorf(
			"%s but for %s, see above: %w",
			done,
			wording.Count(r.failed, "file"),
			backupstore.ErrDamaged,
		)
	}
	return fmt.Errorf("%s but for %s, see above", done, wording.Count(r.failed, "file"))
}

// advised adds to an error what can be done about parts of the disk whose files are not read.
func advised(err error) error {
	if none, ok := errors.AsType[*files.NoPartError](err); ok {
		return cmdline.WrongUsage(fmt.Errorf("%w; \"restorefs ls BACKUP\" lists its parts", none))
	}
	var closed []*inside.Part
	if e, ok := errors.AsType[*inside.UnreadableError](err); ok {
		closed = append(closed, e.Part)
	}
	if e, ok := errors.AsType[*files.PlaceError](err); ok {
		closed = append(closed, e.Closed...)
	}
	if advice := adviceFor(closed, errors.Is(err, inside.ErrDirty)); advice != "" {
		return fmt.Errorf("%w%s", err, advice)
	}
	return err
}

// adviceFor says how files can be had that are not read here; "" if that holds for none. dirty says
// that a file system would have to be replayed first.
func adviceFor(parts []*inside.Part, dirty bool) string {
	other, held := false, false
	for _, p := range parts {
		switch {
		case p.Holds:
			held = true
		case p.Kind != "" && p.Kind != "swap":
			other = true
		}
	}
	text := ""
	if other {
		text += "\n(files are read here of " + inside.Kinds() + ")"
	}
	if other || dirty {
		text += "\n(they can be had from \"restorefs mount --overlay DIR MOUNTPOINT\", " +
			"with the kernel " +
			"or guestmount: \"Reading a disk\" in the guide to mounts)"
	}
	if held {
		text += "\n(what lies within LVM, LUKS or RAID can be had from a mount: " +
			"\"LVM, LUKS, RAID\" in the guide to mounts says how)"
	}
	return text
}
