package fusefs

import (
	"context"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// linkNode is a symbolic link. If its target changes, it is another inode.
type linkNode struct {
	node
	target string
	mtime  time.Time
}

var _ = (gofs.NodeReadlinker)((*linkNode)(nil))
var _ = (gofs.NodeGetattrer)((*linkNode)(nil))

func (l *linkNode) attr(out *fuse.Attr) {
	l.t.attr(out, syscall.S_IFLNK|0o777, int64(len(l.target)), l.mtime)
}

func (l *linkNode) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	l.attr(&out.Attr)
	out.SetTimeout(fileAttrTimeout)
	return 0
}

func (l *linkNode) Readlink(context.Context) ([]byte, syscall.Errno) {
	return []byte(l.target), 0
}
