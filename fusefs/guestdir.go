package fusefs

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/restorefs/restorefs/fusefs/inside"
)

const filesName = "files"

// filesDir shows the parts of a disk whose files can be read, each with its files.
type filesDir struct {
	node
	path   string
	backup Backup
}

var _ = (gofs.NodeLookuper)((*filesDir)(nil))
var _ = (gofs.NodeReaddirer)((*filesDir)(nil))
var _ = (gofs.NodeGetattrer)((*filesDir)(nil))

// hasFiles says whether a backup has files/. The disk is not read for that.
func (t *tree) hasFiles(b *Backup) bool { return t.guests != nil && !t.catalog.Written(b.ID) }

// lookupFiles looks up files/.
func (d *dirNode) lookupFiles(ctx context.Context, b *Backup, at string,
	out *fuse.EntryOut) *gofs.Inode {
	n := &filesDir{node: node{t: d.t}, path: at, backup: *b}
	n.attr(&out.Attr)
	out.SetEntryTimeout(d.t.entryTimeout)
	out.SetAttrTimeout(d.t.entryTimeout)
	return d.NewInode(ctx, n, stable(syscall.S_IFDIR, at, b.Size, b.CreatedAt.UnixNano()))
}

func (d *filesDir) attr(out *fuse.Attr) {
	d.t.attr(out, syscall.S_IFDIR|d.t.dirMode, 0, d.backup.CreatedAt)
}

// Getattr implements gofs.NodeGetattrer.
func (d *filesDir) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.attr(&out.Attr)
	out.SetTimeout(d.t.entryTimeout)
	return 0
}

// partDirName is what the directory of a part is called: partitions/1.raw has its files in files/1,
// and a logical volume has the name that the device mapper gives it.
func partDirName(p *inside.Part) string {
	group, volume, ok := strings.Cut(p.Name, "/")
	if !ok {
		return strings.TrimPrefix(p.Name, "p")
	}
	double := strings.NewReplacer("-", "--")
	return fileName(double.Replace(group)+"-"+double.Replace(volume), "")
}

// Lookup implements gofs.NodeLookuper. It opens the file system.
func (d *filesDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode,
	syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	g := d.t.guests
	var found *guestNode
	var attr inside.Attr
	err := g.call(ctx, &d.backup, func(disk *guestDisk, looked *lookedAt) error {
		for _, p := range looked.Parts {
			if !p.Readable() || partDirName(p) != name {
				continue
			}
			f, err := disk.fs(g, looked, p.Name)
			if err != nil {
				return err
			}
			n := newGuestNode(d.t, d.backup, p.Name, f.Root())
			a, err := f.Stat(f.Root())
			if err == nil && a.Mode&syscall.S_IFMT != syscall.S_IFDIR {
				err = errors.New("its root is no directory")
			}
			found, attr = n, a
			return err
		}
		return nil
	})
	if err != nil {
		return nil, d.t.fail(ctx, "open the file system", d.backup.ID, err, syscall.EIO,
			"part", name)
	}
	if found == nil {
		return nil, syscall.ENOENT
	}
	return found.entry(ctx, &d.Inode, attr, out), 0
}

// Readdir implements gofs.NodeReaddirer.
func (d *filesDir) Readdir(ctx context.Context) (gofs.DirStream, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	list := []fuse.DirEntry{
		{Name: ".", Mode: syscall.S_IFDIR, Ino: inode(d.path)},
		{Name: "..", Mode: syscall.S_IFDIR, Ino: inode(strings.TrimSuffix(d.path, "/"+filesName))},
	}
	var names []string
	err := d.t.guests.call(ctx, &d.backup, func(_ *guestDisk, looked *lookedAt) error {
		for _, p := range looked.Parts {
			if p.Readable() {
				names = append(names, partDirName(p))
			}
		}
		return nil
	})
	if err != nil {
		return nil, d.t.fail(ctx, "look at the disk", d.backup.ID, err, syscall.EIO)
	}
	for _, name := range names {
		list = append(list, fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR,
			Ino: inode(d.path + "/" + name)})
	}
	return gofs.NewListDirStream(list), 0
}

// guestDir is an open directory inside a disk. It keeps a batch of its entries, and goes through
// the directory anew for the next one: nothing is pinned between two requests.
type guestDir struct {
	n      *guestNode
	next   int // the entry to be given next; "." and ".." are the first two
	first  int // the number of the first one in batch
	batch  []fuse.DirEntry
	last   bool          // there are none behind batch
	failed syscall.Errno // of what lies behind batch
}

// batchEntries is how many entries are kept.
const batchEntries = 8192

var _ = (gofs.FileReaddirenter)((*guestDir)(nil))
var _ = (gofs.FileSeekdirer)((*guestDir)(nil))

// Seekdir implements gofs.FileSeekdirer.
func (d *guestDir) Seekdir(_ context.Context, off uint64) syscall.Errno {
	if off > 1<<40 {
		return syscall.EINVAL
	}
	d.next = int(off)
	return 0
}

// Readdirent implements gofs.FileReaddirenter.
func (d *guestDir) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if d.next < d.first || d.next >= d.first+len(d.batch) && !d.last || d.batch == nil {
		if no := d.load(ctx); no != 0 {
			return nil, no
		}
	}
	at := d.next - d.first
	if at >= len(d.batch) {
		return nil, d.failed
	}
	d.next++
	e := d.batch[at]
	e.Off = uint64(d.next)
	return &e, 0
}

// errBatch ends a walk over a directory.
var errBatch = errors.New("the batch is full")

// load reads the batch of entries that begins with the next one.
func (d *guestDir) load(ctx context.Context) syscall.Errno {
	ctx, answered := patient(ctx)
	defer answered()
	batch := []fuse.DirEntry{}
	skip := d.next
	add := func(e fuse.DirEntry) error {
		if skip > 0 {
			skip--
			return nil
		}
		if len(batch) == batchEntries {
			return errBatch
		}
		batch = append(batch, e)
		return nil
	}
	var bad error
	err := d.n.with(ctx, func(f inside.FS) error {
		for _, name := range []string{".", ".."} {
			if err := add(fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR,
				Ino: d.n.StableAttr().Ino}); err != nil {
				return err
			}
		}
		return f.ReadDir(d.n.ino, func(e inside.Dirent) error {
			if !wellNamed(e.Name) {
				bad = errBadName
				return nil
			}
			return add(fuse.DirEntry{Name: e.Name, Mode: uint32(e.Type) << 12,
				Ino: d.n.inode(e.Ino)})
		})
	})
	whole := !errors.Is(err, errBatch)
	if whole && err == nil {
		err = bad
	}
	failed := syscall.Errno(0)
	if whole {
		failed = d.n.fail(ctx, "list a directory", err)
	}
	if failed != 0 && ctx.Err() != nil {
		return failed // batch may still be written to
	}
	d.first, d.batch, d.last, d.failed = d.next, batch, whole, failed
	return 0
}

var errBadName = errors.New("the directory holds a name that cannot be one")

// wellNamed says whether a name is one name in one directory.
func wellNamed(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// missing says whether an error is that there is no such file.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
