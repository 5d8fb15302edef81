// Command bench measures restorefs against Cinder's own restore, dd, and the bare decoder, on one
// machine, in one run, and prints the table of docs/benchmarks-materialize.md. `make bench-cinder`
// runs it in the root of the source tree; it needs python3-cinder (Debian 12) and python3-zstd.
//
// The backups are made once, by the installed Cinder, and kept in -dir, which takes 10 GiB
// including what is restored. Contenders take turns; medians are compared. Cinder's time is that of
// its driver's restore() alone; that of restorefs is that of the whole process, without an index
// from earlier runs. Both end when the data is on the disk. Reads come from the page cache.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", os.TempDir()+"/restorefs-bench",
		"where image.raw is (backupstore/seekable/bench makes one) and all else is made and kept")
	rounds := flag.Int("rounds", 3, "how often each contender runs")
	only := flag.String("only", "", "measure only rows that contain this text")
	prepare := flag.Bool("prepare", false, "make the backups and measure nothing")
	mounts := flag.Bool("mounts", false,
		"measure mounts, for docs/benchmarks.md (needs root, qemu-img, nbdkit), not restores")
	contender := flag.String("contender", "",
		"(used by bench itself) run this contender on the object or target that is the argument")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *contender != "" {
		err = runContender(ctx, *contender, flag.Arg(0))
	} else {
		b := &bench{dir: *dir, rounds: *rounds, only: *only}
		switch err = b.prepare(ctx); {
		case err != nil || *prepare:
		case *mounts:
			err = b.mountTable(ctx)
		default:
			err = b.table(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	dir    string
	rounds int
	only   string
	rows   map[string]row
}

// row is a backup as with_cinder.py records it.
type row struct{ ID, Image, Container, Prefix string }

const python = "/usr/bin/python3" // that of Debian, which has Cinder

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// prepare makes the backups if they are missing.
func (b *bench) prepare(ctx context.Context) error {
	if _, err := os.Stat(b.path("image.raw")); err != nil {
		return fmt.Errorf("%w: run backupstore/seekable/bench first, or put an image there", err)
	}
	if _, err := os.Stat(b.path("rows.json")); errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(b.path("share")); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, python, "cmd/restorefs/bench/with_cinder.py",
			"backup", b.dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("back up with Cinder: %w", err)
		}
	}
	text, err := os.ReadFile(b.path("rows.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &b.rows); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.path("restorefs"),
		"./cmd/restorefs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build restorefs: %w\n%s", err, out)
	}
	return nil
}

// taken is the time that one run took.
type taken struct {
	Seconds    float64 `json:"seconds"` // wall
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakBytes  int64   `json:"peak_bytes"`
}

// A contender does one run.
type contender func(ctx context.Context) (taken, error)

// timed runs a command to its end.
func timed(cmd *exec.Cmd) (taken, error) {
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return taken{}, fmt.Errorf("%v: %w\n%s", cmd.Args, err, said.String())
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return taken{time.Since(start).Seconds(),
		time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(), u.Maxrss << 10}, nil
}

// fresh removes the target of the previous run and waits until the disk is idle.
func (b *bench) fresh(names ...string) error {
	for _, n := range names {
		if err := os.RemoveAll(b.path(n)); err != nil {
			return err
		}
	}
	syscall.Sync()
	return nil
}

func (b *bench) restorefs(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.path("restorefs"), args[0], "--share", b.path("share"),
		"--cache-dir", b.path("cache"))
	cmd.Args = append(cmd.Args, args[1:]...)
	return cmd
}

// materialize restores a backup into a new file.
func (b *bench) materialize(label string) contender {
	return func(ctx context.Context) (taken, error) {
		if err := b.fresh("target", "target.metadata.json", "cache"); err != nil {
			return taken{}, err
		}
		return timed(b.restorefs(ctx, "materialize", b.rows[label].ID, b.path("target")))
	}
}

// toNull reads and verifies a backup and discards the data.
func (b *bench) toNull(label string) contender {
	return func(ctx context.Context) (taken, error) {
		if err := b.fresh("cache"); err != nil {
			return taken{}, err
		}
		return timed(b.restorefs(ctx, "materialize", b.rows[label].ID, "-"))
	}
}

func (b *bench) verify(label string) contender {
	return func(ctx context.Context) (taken, error) {
		if err := b.fresh("cache"); err != nil {
			return taken{}, err
		}
		return timed(b.restorefs(ctx, "verify", b.rows[label].ID))
	}
}

// delta updates a target that is already right.
func (b *bench) delta(label string) contender {
	return func(ctx context.Context) (taken, error) {
		if err := b.fresh("cache"); err != nil {
			return taken{}, err
		}
		return timed(b.restorefs(ctx, "materialize", "--delta", "--force", "--yes",
			b.rows[label].ID, b.path("target")))
	}
}

func (b *bench) cinder(label string) contender {
	return func(ctx context.Context) (taken, error) {
		if err := b.fresh("cinder-target"); err != nil {
			return taken{}, err
		}
		cmd := exec.CommandContext(ctx, python, "cmd/restorefs/bench/with_cinder.py", "restore",
			b.dir, label, b.path("cinder-target"))
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		var t taken
		if err == nil {
			err = json.Unmarshal(out, &t)
		}
		return t, err
	}
}

func (b *bench) dd(ctx context.Context) (taken, error) {
	if err := b.fresh("dd-target"); err != nil {
		return taken{}, err
	}
	return timed(exec.CommandContext(ctx, "dd", "if="+b.path("image.raw"),
		"of="+b.path("dd-target"), "bs=4M", "conv=sparse,fsync", "status=none"))
}

// own runs a contender of contenders.go in a separate process.
func own(name, path string) contender {
	return func(ctx context.Context) (taken, error) {
		self, err := os.Executable()
		if err != nil {
			return taken{}, err
		}
		return timed(exec.CommandContext(ctx, self, "-contender", name, path))
	}
}

// object returns the path of a backup's first object.
func (b *bench) object(label string) string {
	r := b.rows[label]
	return filepath.Join(b.dir, "share", r.Container, r.Prefix+"-00001")
}

// check compares what materialize has just made with the image, up to its end.
func (b *bench) check(ctx context.Context, label string) error {
	image := b.path(b.rows[label].Image)
	size, err := fileSize(image)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "cmp", "-n", fmt.Sprint(size), image,
		b.path("target")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s is not restored right: %w: %s", label, err, out)
	}
	return nil
}

func fileSize(name string) (int64, error) {
	st, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func median(all []taken, of func(taken) float64) float64 {
	var v []float64
	for _, t := range all {
		v = append(v, of(t))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
