package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// twoGB is a backup with one object of Cinder's default size.
var twoGB = storetest.Spec{ID: storetest.ID("2 GB"), VolumeID: storetest.ID("2 GB volume"),
	Content: storetest.Disk(storetest.DefaultFileSize, 1)}

const readers = 8

func readerID(i int) string { return storetest.ID(fmt.Sprint("reader ", i)) }

// makeShare makes a share once. One that was not completed is made again.
func (b *bench) makeShare(name string, write func(dir string) error) error {
	dir := b.path(name)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(dir + ".part"); err != nil {
		return err
	}
	if err := write(dir + ".part"); err != nil {
		return fmt.Errorf("make the share %s: %w", name, err)
	}
	return os.Rename(dir+".part", dir)
}

func (b *bench) prepareMounts() error {
	return errors.Join(
		b.makeShare("share-2000", func(dir string) error {
			_, err := storetest.WriteMany(dir, 2000, 16)
			return err
		}),
		b.makeShare("share-2gb", func(dir string) error {
			_, err := storetest.Write(dir, twoGB)
			return err
		}),
		b.makeShare("share-readers", b.writeReaders),
	)
}

// writeReaders writes a backup of each eighth of the image.
func (b *bench) writeReaders(dir string) error {
	image, err := os.Open(b.path("image.raw"))
	if err != nil {
		return err
	}
	defer image.Close()
	st, err := image.Stat()
	if err != nil {
		return err
	}
	part := st.Size() / readers / (1 << 20) << 20
	for i := range readers {
		spec := storetest.Spec{ID: readerID(i), VolumeID: storetest.ID(fmt.Sprint("reader volume ",
			i)), Content: io.NewSectionReader(image, int64(i)*part, part)}
		if _, err := storetest.Write(dir, spec); err != nil {
			return err
		}
	}
	return nil
}

// served is a mount that is served by a separate process.
type served struct {
	dir   string
	ready time.Duration // from the start of the process until it can be used
	cmd   *exec.Cmd
}

// serve starts cmd, which must print "mounted" to stderr when dir can be used.
func serve(cmd *exec.Cmd, dir string) (*served, error) {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, _ := bufio.NewReader(stderr).ReadString('\n')
	s := &served{dir, time.Since(start), cmd}
	if !strings.HasPrefix(line, "mounted") {
		_, err := s.stop()
		return nil, fmt.Errorf("%v: %s: %w", cmd.Args, line, err)
	}
	return s, nil
}

// stop unmounts and returns what the server used.
func (s *served) stop() (taken, error) {
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		return taken{}, fmt.Errorf("%v: %w", s.cmd.Args, err)
	}
	u := s.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return taken{0, time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(), u.Maxrss << 10}, nil
}

func (b *bench) mount(ctx context.Context, share, cache string) (*served, error) {
	dir := b.path("mnt")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return serve(exec.CommandContext(ctx, b.path("restorefs"), "mount", "--share", b.path(share),
		"--cache-dir", b.path(cache), dir), dir)
}

func (s *served) disk(id string) string { return filepath.Join(s.dir, "backups", id, "volume.raw") }

// throughMount runs use on a new mount of a share, and adds the processor time and the memory of
// the server to what use returns.
func (b *bench) throughMount(share, cache string,
	use func(ctx context.Context, s *served) (taken, error)) contender {
	return func(ctx context.Context) (taken, error) {
		s, err := b.mount(ctx, share, cache)
		if err != nil {
			return taken{}, err
		}
		t, err := use(ctx, s)
		server, stopErr := s.stop()
		t.CPUSeconds += server.CPUSeconds
		t.PeakBytes = server.PeakBytes
		return t, errors.Join(err, stopErr)
	}
}

// readAll reads disks at the same time, each with its own dd.
func readAll(ctx context.Context, flags string, disks ...string) (taken, error) {
	all := make([]taken, len(disks))
	start := time.Now()
	var g errgroup.Group
	for i, disk := range disks {
		g.Go(func() (err error) {
			all[i], err = timed(exec.CommandContext(ctx, "dd", "if="+disk,
				"of=/dev/null", "bs=1M", "iflag="+flags, "status=none"))
			return err
		})
	}
	err := g.Wait()
	sum := taken{Seconds: time.Since(start).Seconds()}
	for _, t := range all {
		sum.CPUSeconds += t.CPUSeconds
	}
	return sum, err
}

// ddMount reads the backup of label through a mount.
func (b *bench) ddMount(label, flags string) contender {
	return b.throughMount("share", "indexes", func(ctx context.Context, s *served) (taken, error) {
		return readAll(ctx, flags, s.disk(b.rows[label].ID))
	})
}

// indexed is toNull with an index.
func (b *bench) indexed(label string) contender {
	return func(ctx context.Context) (taken, error) {
		return timed(exec.CommandContext(ctx, b.path("restorefs"), "materialize", "--share",
			b.path("share"), "--cache-dir", b.path("indexes"), b.rows[label].ID, "-"))
	}
}

// index makes the indexes of a share's backups.
func (b *bench) index(ctx context.Context, share, cache string, which ...string) error {
	_, err := timed(exec.CommandContext(ctx, b.path("restorefs"),
		append([]string{"index", "--share", b.path(share), "--cache-dir", b.path(cache)},
			which...)...))
	return err
}

// ready measures how long it takes until a mount can be used.
func (b *bench) ready(ctx context.Context) (taken, error) {
	s, err := b.mount(ctx, "share-2000", "cache")
	if err != nil {
		return taken{}, err
	}
	t, err := s.stop()
	t.Seconds = s.ready.Seconds()
	return t, err
}

// firstByte measures from the moment at which the mount can be used.
func (b *bench) firstByte(ctx context.Context) (taken, error) {
	if err := b.fresh("cache"); err != nil {
		return taken{}, err
	}
	return b.throughMount("share-2gb", "cache", func(_ context.Context, s *served) (taken, error) {
		start := time.Now()
		f, err := os.Open(s.disk(twoGB.ID))
		if err != nil {
			return taken{}, err
		}
		defer f.Close()
		_, err = f.ReadAt(make([]byte, 1), 0)
		return taken{Seconds: time.Since(start).Seconds()}, err
	})(ctx)
}

// convert copies the mostly empty volume with qemu-img from a mount.
func (b *bench) convert(ctx context.Context) (taken, error) {
	if err := b.fresh("target"); err != nil {
		return taken{}, err
	}
	return b.throughMount("share", "indexes", func(ctx context.Context, s *served) (taken, error) {
		return timed(exec.CommandContext(ctx, "qemu-img", "convert", "-f", "raw", "-O", "raw",
			s.disk(b.rows["sparse"].ID), b.path("target")))
	})(ctx)
}

// convertNBD copies the same volume from nbdkit, which serves the raw image.
func (b *bench) convertNBD(ctx context.Context) (taken, error) {
	if err := b.fresh("target"); err != nil {
		return taken{}, err
	}
	return timed(exec.CommandContext(ctx,
		"nbdkit", "-U", "-", "file", b.path(b.rows["sparse"].Image),
		"--run", `qemu-img convert -f raw -O raw "$uri" '`+b.path("target")+`'`))
}

// readAllReaders reads the disks of share-readers, at the same time or one after another.
func (b *bench) readAllReaders(atOnce bool, cache string) contender {
	read := b.throughMount("share-readers", cache,
		func(ctx context.Context, s *served) (taken, error) {
			var disks []string
			for i := range readers {
				disks = append(disks, s.disk(readerID(i)))
			}
			if atOnce {
				return readAll(ctx, "direct", disks...)
			}
			var sum taken
			for _, disk := range disks {
				t, err := readAll(ctx, "direct", disk)
				if err != nil {
					return taken{}, err
				}
				sum.Seconds += t.Seconds
				sum.CPUSeconds += t.CPUSeconds
			}
			return sum, nil
		})
	return func(ctx context.Context) (taken, error) {
		if cache == "cache" { // not the one that has the indexes
			if err := b.fresh(cache); err != nil {
				return taken{}, err
			}
		}
		return read(ctx)
	}
}

const (
	hotBytes = 64 << 20 // what is read at random, from hotStart on
	hotStart = 256 << 20
)

// random reads 4 KiB blocks of the hot range at random, one after another, bypassing the page
// cache, after all of the range has been read.
func random(ctx context.Context, disk string, start int64) (taken, error) {
	self, err := os.Executable()
	if err != nil {
		return taken{}, err
	}
	var t taken
	out, err := exec.CommandContext(ctx, self, "-contender", "random", fmt.Sprintf("%s@%d", disk,
		start)).Output()
	if err == nil {
		err = json.Unmarshal(out, &t)
	}
	return t, err
}

func (b *bench) randomMount(label string) contender {
	return b.throughMount("share", "indexes", func(ctx context.Context, s *served) (taken, error) {
		return random(ctx, s.disk(b.rows[label].ID), hotStart)
	})
}

// randomMemory reads a file that go-fuse serves from memory.
func (b *bench) randomMemory(ctx context.Context) (taken, error) {
	self, err := os.Executable()
	if err != nil {
		return taken{}, err
	}
	dir := b.path("mnt")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return taken{}, err
	}
	s, err := serve(exec.CommandContext(ctx, self, "-contender", "memory", b.path("image.raw")+
		"@"+dir), dir)
	if err != nil {
		return taken{}, err
	}
	t, err := random(ctx, filepath.Join(dir, memoryFile), 0)
	_, stopErr := s.stop()
	return t, errors.Join(err, stopErr)
}
