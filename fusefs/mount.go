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

// The settings of a mount, measured with go-fuse v2.12.1 on Linux 6.18 with two cores.
const (
	// maxRead is the largest READ (max_read) and WRITE. go-fuse's default of 128 KiB takes eight
	// times as many requests. More than 1 MiB gained nothing.
	maxRead = 1 << 20

	// maxBackground replaces the kernel's default of 12, with which read-ahead has to wait: 338
	// instead of 875 MiB/s at 10 ms a read.
	maxBackground = 64

	// maxWaiting bounds the buffers of the goroutines that wait for requests, about 1 MiB each;
	// go-fuse has up to 17 of them.
	maxWaiting = 20 << 20

	// Kernel read-ahead in KiB: twice this is in flight for a sequential reader, so 4 MiB keeps
	// eight decoders busy (328 MiB/s at 10 ms a read) and 16 MiB 32 of them (875). More than the
	// cores can decode only delays readers that jump elsewhere next. go-fuse and the kernel's
	// handshake can lower the kernel's 128 KiB but not raise it; hence sysfs.
	minReadAhead, maxReadAhead = 4 << 10, 16 << 10
)

// Options configure a mount.
type Options struct {
	// AllowOther lets users other than the one who mounts enter, as far as Owner and Mode allow.
	// Without it nobody else may, root included.
	AllowOther bool

	// Owner owns everything in the tree; nil: the user who mounts.
	Owner *Owner

	// Mode is the mode of files; 0 means 0400, as backups hold secrets. Execute bits are ignored.
	// Write bits apply only to volume.raw with Writable, which its owner can always write. Whoever
	// may read files may enter directories.
	Mode fs.FileMode

	// Writable mounts read-write, for catalogues that open WritableDisks.
	// Nothing but volume.raw can be written.
	Writable bool

	// Avoid lists the directories that the server reads or writes: share and cache. A mountpoint
	// inside or above one of them is refused with ErrOverlap.
	Avoid []string

	// Source is the name of the mount's source for df, findmnt and mount -a, as in fstab; "" means
	// restorefs.
	Source string
	// Status returns the contents of StatusFile and is called at every open, concurrently; nil:
	// there is no such file. It must not touch the mount.
	Status func() ([]byte, error)

	// Files shows the files inside disks, beside their partitions; nil: it does not.
	Files *FilesOptions

	// Plain opens the plain disk of a backup whose volume is encrypted, as Catalog.Peek does; it is
	// shown beside the encrypted one, and partitions and files are those of it. A nil Disk means
	// that the volume is not encrypted, or that no key opens it, which has been logged. It must not
	// be set together with Writable. nil: nothing is decrypted.
	Plain func(ctx context.Context, id string) (Disk, error)

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

// Mount mounts the catalogue's backups on a directory and serves them until the mount is gone; it
// returns as soon as they can be read. The directory must exist, be empty, and not be a mountpoint,
// except that of a dead restorefs, which is cleared away, or of an automounter that waits for this
// mount. ctx is used only until Mount returns.
//
// As root it calls mount(2) itself; other users mount through fusermount3.
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
		FsName: cmp.Or(o.Source, fsName),
		Name:   fsName,
		Options: []string{access, "nosuid", "nodev", "noexec",
			"default_permissions"},
		AllowOther:              o.AllowOther,
		DirectMountStrict:       os.Geteuid() == 0,
		DirectMountFlags:        flags | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC,
		MaxWrite:                maxRead,
		MaxBackground:           maxBackground,
		MaxInflightRequestBytes: maxWaiting,
		ExtraCapabilities:       fuse.CAP_ASYNC_DIO,
		DisableXAttrs:           t.guests == nil,
		// 1 MiB never fits into the pipe of a splice: go-fuse would try at every read, log a line,
		// and fall back.
		DisableSplice: true,
		Logger:        lines,
		PanicHandler: func(v any) fuse.Status {
			log.Error("panic: a bug of restorefs, please report it", "panic", v,
				"stack", string(debug.Stack()))
			return fuse.EIO
		},
	})
	if err != nil {
		clearFailed(path)
		return nil, explainMount(err)
	}
	if err := closeOnExec(); err != nil {
		log.Warn("programs started from here may keep the mount from ending", "err", err)
	}
	s := &Server{mountpoint: path, log: log, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		server.Serve() // returns when every request has been handled
		t.closeAll()
		if t.guests != nil {
			t.guests.close()
		}
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

// clearFailed clears the mount that go-fuse leaves if the kernel has mounted and the two then could
// not agree on a protocol.
func clearFailed(path string) {
	if mounts, err := readMountInfo(); err == nil {
		if m := mountAt(mounts, path); m != nil && dead(m) {
			m.detachDead()
		}
	}
}

// detachOwn detaches the mount that this process has just made on path, if it still exists.
func detachOwn(path string) error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	m := mountAt(mounts, path)
	if m == nil {
		return nil
	}
	servers := m.Servers() // none on kernels that do not tell
	if m.Type != fstype || len(servers) > 0 && !slices.Contains(servers, os.Getpid()) {
		return fmt.Errorf("another mount (%s, type %s) covers it", m.Source, m.Type)
	}
	return unmountOnce(context.Background(), m, true)
}

// findMount looks up the mount just made in the kernel's list, as this process must not touch the
// tree itself.
func (s *Server) findMount() error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	m := mountAt(mounts, s.mountpoint)
	if m == nil || m.Type != fstype {
		return errors.New("the mount vanished as soon as it was made")
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
		s.log.Log(context.Background(), level,
			"the kernel's read-ahead cannot be raised; large sequential reads will be slower",
			"err", err)
	}
}

// Mountpoint returns the directory, without symbolic links.
func (s *Server) Mountpoint() string { return s.mountpoint }

// Wait returns when the mount is gone, whoever unmounted it, all requests have been answered, and
// every Disk is closed.
func (s *Server) Wait() { <-s.done }
