package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize"
)

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Value: "raw", Usage: "`FORMAT` of a file target: raw, or qcow2, which takes qemu-img and FUSE"}
}

// notWithQcow2 are the flags of materialize that mean nothing for a file that
// is made whole, at once, by another program.
var notWithQcow2 = []string{"delta", "bwlimit", "salvage", "jobs", "reflink"}

// wantsQcow2 reads --format and refuses what does not go with it.
func wantsQcow2(c *cli.Context, target string) (bool, error) {
	switch f := c.String("format"); f {
	case "raw":
		return false, nil
	case "qcow2":
	default:
		return false, usagef("--format %s: it is raw or qcow2", f)
	}
	if target == "-" {
		return false, usagef("a qcow2 cannot be written to stdout, as it is not written from front to back: name a file")
	}
	for _, flag := range notWithQcow2 {
		if c.IsSet(flag) {
			return false, usagef("--%s does not go with --format qcow2", flag)
		}
	}
	if c.String("overlay") != "" {
		return false, usagef("--overlay does not go with --format qcow2: restore into a raw file and convert that")
	}
	return true, nil
}

// conversion is one run of --format qcow2: qemu-img reads the composed volume
// from a mount that only this process's user can enter and that goes with it,
// and writes a file that gets its name when it is whole.
type conversion struct {
	qemuImg  string
	source   *watched
	server   *fusefs.Server
	disk     string // the volume in the mount; only qemu-img may touch it, see fusefs
	temp     string
	size     int64
	stage    atomic.Value // string
	progress percentage
}

// toQcow2 restores into a qcow2 file.
func toQcow2(c *cli.Context, r *restore, name string) (err error) {
	begin, ctx, volume := time.Now(), c.Context, r.composed
	if err := r.sureOf(ctx, name, true); err != nil {
		return err
	}
	qemuImg, err := exec.LookPath("qemu-img")
	if err != nil {
		return errNoQemuImg(err)
	}
	target, err := openNewFile(ctx, name, volume.Size(), r.o.force)
	if err != nil {
		return err
	}
	defer target.Close()
	if err := r.mayKeepRecord(target); err != nil {
		return err
	}
	if err := r.confirm(ctx, target); err != nil {
		return err
	}
	data, err := dataBytes(ctx, volume)
	if err != nil {
		return err
	}
	x := &conversion{qemuImg: qemuImg, size: volume.Size()}
	x.stage.Store("starting")
	disks, err := serve.New(ctx, r.catalog, serve.Options{
		Only:       func(other *backupstore.Backup) bool { return other == r.backup },
		CacheBytes: r.o.memory, MemoryFor: memoryFor(c), Logger: newLogger(c),
	})
	if err != nil {
		return err
	}
	defer disks.Close()
	spareThread()
	x.source = &watched{Disks: disks}
	unmount, err := x.mount(c, r.o.share, r.backup.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	temp, err := os.CreateTemp(filepath.Dir(target.Path()), "."+filepath.Base(target.Path())+".restorefs-*")
	if err != nil {
		return fmt.Errorf("create the qcow2 file: %w", err)
	}
	defer temp.Close()
	defer os.Remove(temp.Name())
	x.temp = temp.Name()
	stop := r.o.showProgress(x.state)
	err = x.convert(ctx, temp, r.options.VerifyAfter)
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("stopped before the end, %s is as it was: %w", target, ctx.Err())
	}
	if err != nil {
		return err
	}
	if err := giveName(temp, target.Path(), r.o.force); err != nil {
		return err
	}
	err = r.finish(ctx, target, materialize.Result{
		Size: x.size, BytesWritten: data, BytesZeroed: x.size - data, Verified: r.options.VerifyAfter, Duration: time.Since(begin),
	}, x.source.healed())
	if err == nil {
		r.o.tellContents(ctx, volume)
	}
	return err
}

// openNewFile checks a target that will be replaced, not written, as strictly
// as one that is written.
func openNewFile(ctx context.Context, name string, size int64, force bool) (*materialize.Target, error) {
	if _, err := os.Lstat(name); err == nil && !force {
		return nil, &materialize.RefusedError{Target: name, Reasons: []materialize.Reason{
			{Kind: materialize.ReasonContent, Text: "it exists already", Forceable: true}}}
	}
	target, err := materialize.Open(ctx, name, materialize.OpenOptions{Size: size, Force: force})
	if err != nil {
		return nil, err
	}
	if target.Kind() != materialize.KindFile {
		target.Close()
		return nil, &materialize.RefusedError{Target: target.String(), Reasons: []materialize.Reason{
			{Kind: materialize.ReasonNotATarget, Text: "qcow2 is a format of files, and this is a device"}}}
	}
	return target, nil
}

// dataBytes is how much of the volume is not known to be zero.
func dataBytes(ctx context.Context, volume *backupstore.Volume) (n int64, err error) {
	for off := int64(0); off < volume.Size(); {
		start, stop, err := volume.NextData(ctx, off, volume.Size())
		if err != nil {
			return 0, err
		}
		if start == stop {
			break
		}
		n, off = n+stop-start, stop
	}
	return n, nil
}

// mount serves the one backup on a directory of its own. unmount leaves neither.
func (x *conversion) mount(c *cli.Context, s *locate.Share, id string) (unmount func() error, err error) {
	if err := outsideShare(c.Context, s, os.TempDir()); err != nil {
		return nil, fmt.Errorf("the directory for temporary files (TMPDIR): %w", err)
	}
	dir, err := makeTemp("restorefs-qcow2-")
	if err != nil {
		return nil, err
	}
	avoid := written(c)
	if s.Dir != "" {
		avoid = append(avoid, s.Dir)
	}
	x.server, err = fusefs.Mount(c.Context, dir, x.source, fusefs.Options{Avoid: avoid, Logger: newLogger(c)})
	if err != nil {
		os.Remove(dir)
		return nil, fmt.Errorf("--format qcow2 gives qemu-img the volume through FUSE: %w", err)
	}
	x.disk = filepath.Join(dir, "backups", id, "volume.raw")
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 5*time.Second)
		defer cancel()
		if err := x.server.Unmount(ctx, fusefs.UnmountOptions{Lazy: true, Logger: newLogger(c)}); err != nil {
			return err
		}
		x.server.Wait()
		return os.Remove(dir)
	}, nil
}

// convert makes x.temp the checked qcow2 of the volume, on stable storage.
func (x *conversion) convert(ctx context.Context, temp *os.File, compare bool) error {
	x.stage.Store("converting")
	if err := x.qemu(ctx, "convert", "-p", "-f", "raw", "-O", "qcow2", x.disk, x.temp); err != nil {
		return err
	}
	x.stage.Store("flushing")
	if err := temp.Sync(); err != nil {
		return fmt.Errorf("flush the qcow2 file: %w", err)
	}
	x.stage.Store("checking")
	if err := x.qemu(ctx, "check", "-f", "qcow2", x.temp); err != nil {
		return err
	}
	if !compare {
		x.stage.Store("done")
		return nil
	}
	// Written and flushed: what is read again comes from the disk.
	if err := unix.Fadvise(int(temp.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("read the qcow2 file past the page cache: %w", err)
	}
	x.stage.Store("verifying")
	if err := x.qemu(ctx, "compare", "-p", "-f", "raw", "-F", "qcow2", x.disk, x.temp); err != nil {
		return err
	}
	x.stage.Store("done")
	return nil
}

// qemu runs qemu-img to its end. Its error is what reading the backup met, if
// it met anything.
func (x *conversion) qemu(ctx context.Context, args ...string) error {
	x.progress.hundredths.Store(0)
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, x.qemuImg, args...)
	cmd.Stdout, cmd.Stderr = &x.progress, &said
	// A Ctrl-C is for this process, which ends the other one.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if err == nil || ctx.Err() != nil {
		return err
	}
	what := printable(strings.Join(strings.Fields(said.String()), " "))
	if failed := x.source.failure(); failed != nil {
		return fmt.Errorf("qemu-img %s: %w (%s)", args[0], failed, what)
	}
	return fmt.Errorf("qemu-img %s: %w: %s", args[0], err, what)
}

func (x *conversion) state() progressState {
	stage := x.stage.Load().(string)
	s := progressState{Stage: stage}
	switch stage {
	case "done":
		s.Total, s.Done = x.size, x.size
	case "converting", "verifying":
		s.Total = x.size
		s.Done = int64(float64(x.size) * float64(x.progress.hundredths.Load()) / 10000)
	}
	return s
}

// percentage reads what qemu-img -p writes: "    (12.34/100%)\r", again and
// again.
type percentage struct{ hundredths atomic.Int64 }

// Write implements io.Writer.
func (p *percentage) Write(text []byte) (int, error) {
	rest := text
	if end := bytes.LastIndex(rest, []byte("/100%)")); end >= 0 {
		rest = rest[:end]
		start := bytes.LastIndexByte(rest, '(') + 1
		if v, err := strconv.ParseFloat(string(rest[start:]), 64); err == nil && v >= 0 && v <= 100 {
			p.hundredths.Store(int64(math.Round(v * 100)))
		}
	}
	return len(text), nil
}

// giveName renames a finished file, durably, over another one only with force.
func giveName(temp *os.File, path string, force bool) error {
	err := private.Rename(temp, path, force)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s has come into being during the run; it was left alone", path)
	}
	return err
}

// watched is a served catalogue that remembers why a read failed, and what was
// healed: through the kernel a reader gets no more than bytes and an errno.
type watched struct {
	*serve.Disks
	mu      sync.Mutex
	err     error                 // the first one
	volumes []*backupstore.Volume // that were opened, each once
}

// healed are the ranges that were taken from other backups, by whichever open.
func (w *watched) healed() (out []backupstore.Range) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.volumes {
		for _, r := range v.Healed() {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b backupstore.Range) int { return cmp.Compare(a.Off, b.Off) })
	return out
}

func (w *watched) note(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *watched) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Open implements fusefs.Catalog.
func (w *watched) Open(ctx context.Context, id string) (fusefs.Volume, error) {
	v, err := w.Disks.Open(ctx, id)
	if err != nil {
		w.note(err)
		return nil, err
	}
	if s, ok := v.(*serve.Disk); ok {
		w.mu.Lock()
		if !slices.Contains(w.volumes, s.Volume) {
			w.volumes = append(w.volumes, s.Volume)
		}
		w.mu.Unlock()
	}
	return &watchedVolume{v, w}, nil
}

type watchedVolume struct {
	fusefs.Volume
	by *watched
}

// Read implements fusefs.Volume.
func (v *watchedVolume) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	d, err := v.Volume.Read(ctx, off, n)
	v.by.note(err)
	return d, err
}
