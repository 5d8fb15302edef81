package fusefs

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/restorefs/restorefs/fusefs/contents"
)

const infoName = "info.txt"

// infoNode is a file that says what lies on a disk. The disk is read when the
// file is opened, never for a listing; so, as in /proc, the file's size is 0,
// and it bypasses the page cache.
type infoNode struct {
	node
	backup Backup
}

var _ = (gofs.NodeOpener)((*infoNode)(nil))
var _ = (gofs.NodeGetattrer)((*infoNode)(nil))

func (n *infoNode) attr(out *fuse.Attr) {
	n.t.attr(out, syscall.S_IFREG|n.t.fileMode, 0, n.backup.CreatedAt)
}

func (n *infoNode) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.attr(&out.Attr)
	out.SetTimeout(fileAttrTimeout)
	return 0
}

// Open tells what it found even if a part of the disk could not be read.
func (n *infoNode) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	if writes(flags) {
		return nil, 0, syscall.EROFS
	}
	ctx, answered := patient(ctx)
	defer answered()
	v, err := n.t.catalog.Peek(ctx, n.backup.ID)
	if err != nil {
		return nil, 0, n.t.fail(ctx, "open the disk", n.backup.ID, err, syscall.EIO)
	}
	defer v.Close()
	s, err := contents.Look(&tableReader{ctx: ctx, v: v}, v.Size())
	if ctx.Err() != nil {
		return nil, 0, n.t.fail(ctx, "look at the disk", n.backup.ID, ctx.Err(), syscall.EIO)
	}
	lines := s.Lines()
	if err != nil {
		lines = append(lines, fmt.Sprintf("not all of it could be looked at: %v", err))
	}
	if n.t.hasFiles(&n.backup) {
		files, err := n.t.filesLines(ctx, &n.backup)
		if err != nil {
			return nil, 0, n.t.fail(ctx, "open the file systems", n.backup.ID, err, syscall.EIO)
		}
		lines = append(lines, files...)
	}
	text := fmt.Appendf(nil, "The disk of backup %s, %d bytes:\n%s\n", n.backup.ID, v.Size(),
		strings.Join(lines, "\n"))
	return textHandle(text), fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH, 0
}

// filesLines says of each file system below files/ what became of its journal, and what is odd
// about it. It opens them.
func (t *tree) filesLines(ctx context.Context, b *Backup) ([]string, error) {
	var lines []string
	err := t.guests.call(ctx, b, func(d *guestDisk, looked *lookedAt) error {
		for _, p := range looked.Parts {
			if !p.Readable() {
				continue
			}
			name := filesName + "/" + partDirName(p)
			f, err := d.fs(t.guests, looked, p.Name)
			if err != nil {
				lines = append(lines, fmt.Sprintf("%s: not readable: %v", name, err))
				continue
			}
			info := f.Info()
			lines = append(lines, fmt.Sprintf("%s: %s, journal: %s", name, info.Kind, info.Journal))
			for _, note := range info.Notes {
				lines = append(lines, name+": "+note)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err // lines may still be written to
	}
	return lines, nil
}
