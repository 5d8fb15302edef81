package fusefs

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// textNode is a small file: metadata.json or problem.txt. Its text is loaded at
// lookup, for the size, and again at open, so that memory grows with open files
// and not with backups.
type textNode struct {
	node
	kind   kind
	backup Backup
	size   int64
	text   []byte // nil: load makes it
}

var _ = (gofs.NodeOpener)((*textNode)(nil))
var _ = (gofs.NodeGetattrer)((*textNode)(nil))

func (n *textNode) load(ctx context.Context) ([]byte, syscall.Errno) {
	if n.text != nil {
		return n.text, 0
	}
	if n.kind == problemKind {
		return problemText(&n.backup), 0
	}
	ctx, answered := patient(ctx)
	defer answered()
	text, err := n.t.catalog.Metadata(ctx, n.backup.ID)
	if err != nil {
		return nil, n.t.fail(ctx, "read the metadata", n.backup.ID, err, syscall.ENOENT)
	}
	return text, 0
}

func problemText(b *Backup) []byte {
	name, served := "", "is not served"
	if b.VolumeName != "" {
		name = fmt.Sprintf(" (%q)", b.VolumeName)
	}
	problem := b.Problem
	if b.Partial || b.Short != "" {
		served = "is served as far as it can be read; what cannot gives an I/O error"
		problem = strings.Trim(problem+"\n"+b.Short, "\n")
	}
	return fmt.Appendf(nil, "Backup %s of volume %s%s, made %s, %s:\n%s\n",
		b.ID, b.VolumeID, name, timeName(b.CreatedAt), served, problem)
}

func (n *textNode) attr(out *fuse.Attr) {
	n.t.attr(out, syscall.S_IFREG|n.t.fileMode, n.size, n.backup.CreatedAt)
	out.Blocks = (out.Size + 511) / 512
}

func (n *textNode) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.attr(&out.Attr)
	out.SetTimeout(fileAttrTimeout)
	return 0
}

func (n *textNode) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	if writes(flags) {
		return nil, 0, syscall.EROFS
	}
	text, no := n.load(ctx)
	if no != 0 {
		return nil, 0, no
	}
	return textHandle(text), fuse.FOPEN_NOFLUSH, 0
}

type textHandle []byte

var _ = (gofs.FileReader)(textHandle(nil))

func (h textHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult,
	syscall.Errno) {
	if off >= int64(len(h)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(h[off:min(int64(len(h)), off+int64(len(dest)))]), 0
}

func writes(flags uint32) bool {
	return flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0
}
