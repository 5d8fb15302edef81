package fusefs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// The settings of a mount. What they bring was measured with go-fuse v2.12.1
// on Linux 6.18, two cores.
const (
	// maxRead: also the limit of READ, through max_read. With go-fuse's 128 KiB
	// there are eight times the requests. More than 1 MiB gained nothing.
	maxRead = 1 << 20

	// maxBackground: of the kernel's default of 12, reads ahead were left
	// waiting: 338 instead of 875 MiB/s with 10 ms for each read.
	maxBackground = 64

	// maxWaiting bounds the buffers of the goroutines that wait for requests,
	// about 1 MiB each; go-fuse keeps up to 17.
	maxWaiting = 20 << 20

	// Kernel read-ahead in KiB: twice this is in flight for a sequential
	// reader, so 4 MiB keeps eight decoders busy (328 MiB/s at 10 ms a read)
	// and 16 MiB 32 of them (875). More than there are cores for only costs
	// those who read elsewhere next. go-fuse and the kernel's handshake can
	// lower the kernel's 128 KiB, not raise them; hence sysfs.
	minReadAhead, maxReadAhead = 4 << 10, 16 << 10
)

// Options are the choices of who mounts.
type Options struct {
	// AllowOther lets other users than the one who mounts enter, as far as
	// Owner and Mode allow. Without it nobody else may, root included.
	AllowOther bool

	// Owner owns everything in the tree; nil: the user who mounts.
	Owner *Owner

	// Mode is for files; 0 is 0400, for backups hold secrets. Execute bits are
	// ignored, and so are write bits except for volume.raw with Writable, which
	// the owner may always write then. A directory may be entered by those who
	// may read files.
	Mode fs.FileMode

	// Writable mounts read-write, for catalogues that open WritableVolumes.
	// Nothing but volume.raw can be written.
	Writable bool

	// Avoid lists directories that serving reads or writes: share and cache.
	// A mountpoint in one of them, or above one, is refused with ErrOverlap.
	Avoid []string

	// Source is what df, findmnt and mount -a know the mount by, as fstab has it;
	// "": restorefs.
	Source string
	// Status gives the contents of StatusFile, anew at every open, safe for
	// concurrent use; nil: there is no such file. It must not touch the mount.
	Status func() ([]byte, error)

	// Logger; nil: nothing is logged.
	Logger *slog.Logger

	entryTimeout time.Duration // for tests; 0: defaultEntryTimeout
}

// Owner is a user and a group.
type Owner struct{ UID, GID uint32 }

// Server is a mount being served by this process.
type Server struct {
	mountpoint string // resolved
	mount      MountInfo
	log        *slog.Logger
	done       chan struct{} // closed when nothing is served any more
}

// Mount mounts the catalogue's backups on a directory and serves them until
// the mount is gone; it returns when they can be read. The directory must
// exist, be empty, and not be a mountpoint, except of a restorefs that died,
// which is cleared away, and of an automounter that waits for this mount. ctx is for the mounting only.
//
// As root it mounts by itself, for others through fusermount3.
func Mount(ctx context.Context, mountpoint string, c Catalog, o Options) (*Server, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	path, claim, err := prepare(ctx, mountpoint, o, log)
	if err != nil {
		return nil, fmt.Errorf("mount on %s: %w", mountpoint, err)
	}
	defer claim.Close()
	s, err := mount(path, c, o, log)
	if err != nil {
		return nil, fmt.Errorf("mount on %s: %w", mountpoint, err)
	}
	return s, nil
}

func mount(path string, c Catalog, o Options, log *slog.Logger) (*Server, error) {
	t := newTree(c, o, log)
	lines := requestLog(log)
	access, flags := "ro", uintptr(unix.MS_RDONLY)
	if o.Writable {
		access, flags = "rw", 0
	}
	raw := gofs.NewNodeFS(&dirNode{node: node{t: t}}, &gofs.Options{
		RootStableAttr: &gofs.StableAttr{Ino: rootInode},
		Logger:         lines,
	})
	server, err := fuse.NewServer(raw, path, &fuse.MountOptions{
		FsName:                  cmp.Or(o.Source, fsName),
		Name:                    fsName,
		Options:                 []string{access, "nosuid", "nodev", "noexec", "default_permissions"},
		AllowOther:              o.AllowOther,
		DirectMountStrict:       os.Geteuid() == 0,
		DirectMountFlags:        flags | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC,
		MaxWrite:                maxRead,
		MaxBackground:           maxBackground,
		MaxInflightRequestBytes: maxWaiting,
		ExtraCapabilities:       fuse.CAP_ASYNC_DIO,
		DisableXAttrs:           true,
		// At 1 MiB a splice never fits the pipe: go-fuse would try at every
		// read, log a line, and fall back.
		DisableSplice: true,
		Logger:        lines,
		PanicHandler: func(v any) fuse.Status {
			log.Error("panic: a bug of restorefs, please report it", "panic", v, "stack", string(debug.Stack()))
			return fuse.EIO
		},
	})
	if err != nil {
		clearFailed(path)
		return nil, explainMount(err)
	}
	s := &Server{mountpoint: path, log: log, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		server.Serve() // returns when every request has been handled
		t.closeAll()
	}()
	err = server.WaitMount()
	if err == nil {
		err = s.findMount()
	}
	if err != nil {
		if e := detachOwn(path); e != nil {
			return nil, errors.Join(err, e)
		}
		<-s.done
		return nil, err
	}
	s.setReadAhead()
	return s, nil
}

// clearFailed takes away what go-fuse leaves when the kernel mounted but then
// could not agree with it on a protocol.
func clearFailed(path string) {
	if mounts, err := readMountInfo(); err == nil {
		if m := mountAt(mounts, path); m != nil && dead(m) {
			m.detachDead()
		}
	}
}

// detachOwn takes down what this process has just mounted on path, if it is
// still there.
func detachOwn(path string) error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	m := mountAt(mounts, path)
	if m == nil {
		return nil
	}
	servers := m.Servers() // not every kernel tells
	if m.Type != fstype || len(servers) > 0 && !slices.Contains(servers, os.Getpid()) {
		return fmt.Errorf("another mount (%s, type %s) covers it", m.Source, m.Type)
	}
	return unmountOnce(context.Background(), m, true)
}

// findMount looks up the mount just made, in the kernel's list: the tree
// itself must not be touched by this process.
func (s *Server) findMount() error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	m := mountAt(mounts, s.mountpoint)
	if m == nil || m.Type != fstype {
		return errors.New("the mount was gone at once")
	}
	s.mount = *m
	return nil
}

func (s *Server) setReadAhead() {
	kib := min(max(runtime.GOMAXPROCS(0)<<10, minReadAhead), maxReadAhead)
	file := filepath.Join("/sys/class/bdi", s.mount.Device, "read_ahead_kb")
	if err := os.WriteFile(file, []byte(strconv.Itoa(kib)), 0); err != nil {
		level := slog.LevelWarn
		if errors.Is(err, fs.ErrPermission) {
			level = slog.LevelInfo // as expected of an ordinary user
		}
		s.log.Log(context.Background(), level, "cannot raise the kernel's read-ahead: large sequential reads will be slower", "err", err)
	}
}

// Mountpoint returns the directory, without symbolic links.
func (s *Server) Mountpoint() string { return s.mountpoint }

// Wait returns when the mount is gone, whoever took it down, all readers have
// left, and every Volume is closed.
func (s *Server) Wait() { <-s.done }
