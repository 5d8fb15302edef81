// Command gofuzz runs every fuzz target of the packages below the current directory, one after
// another for the same time, and says where the failing inputs are. It runs all targets, even after
// failures.
//
// go test -fuzz takes one target, and builds its package with all imports for each.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	each := flag.Duration("time", time.Minute, "how long each target is fuzzed")
	parallel := flag.Int("parallel", 2, "inputs at a time")
	build := flag.Bool("build", false,
		"fuzz nothing, only build all: the next run finds most of it in Go's cache")
	flag.Parse()
	if flag.NArg() > 0 || *each <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *build {
		*each = 0
	}
	if err := run(ctx, *each, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "gofuzz:", err)
		os.Exit(1)
	}
}

// run fuzzes each target for that long; 0: it builds them, and that is all.
func run(ctx context.Context, each time.Duration, parallel int) error {
	begin := time.Now()
	all, err := targets(".")
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "gofuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cache, err := command(ctx, "env", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("ask go for its cache: %w", err)
	}
	n := 0
	for _, names := range all {
		n += len(names)
	}
	// A target that hangs, or builds for ever, must not use up the time of the whole run.
	most := 2*time.Duration(n)*(each+3*time.Second) + 5*time.Minute
	r := &runner{each: each, parallel: parallel,
		cache: filepath.Join(strings.TrimSpace(string(cache)),
			"fuzz/github.com/restorefs/restorefs")}
	ctx, stop := context.WithCancel(ctx)
	builds := make(chan built)
	var building sync.WaitGroup
	building.Go(func() { buildAll(ctx, tmp, slices.Sorted(maps.Keys(all)), builds) })
	defer building.Wait() // before tmp goes
	defer stop()
	var left []string
	var waited time.Duration
	for range all {
		at := time.Now()
		var b built
		select {
		case b = <-builds:
		case <-ctx.Done():
			return ctx.Err()
		}
		waited += time.Since(at)
		if b.err != nil {
			return b.err
		}
		if each == 0 {
			all[b.dir] = nil
		}
		for _, name := range all[b.dir] {
			if time.Since(begin) > most {
				left = append(left, b.dir+" "+name)
			} else if err := r.fuzz(ctx, b, name); err != nil {
				return err
			}
		}
		if err := os.Remove(b.binary); err != nil {
			return err
		}
	}
	if each == 0 {
		fmt.Printf("built the fuzz targets of %d packages in %.0fs\n", len(all),
			time.Since(begin).Seconds())
		return nil
	}
	fmt.Printf("%d fuzz targets of %d packages ran for %v each, in %.0fs, of which waiting for "+
		"builds took %.0fs\n",
		r.ran, len(all), each, time.Since(begin).Seconds(), waited.Seconds())
	if len(left) > 0 {
		err = fmt.Errorf("%v were over before all targets ran: %s", most, strings.Join(left, ", "))
	}
	return errors.Join(r.problem(), err)
}

// built is the test binary of one package.
type built struct {
	dir, binary string
	err         error
}

// buildAll builds the tests of packages, one after the other, until one fails or ctx ends. It is
// one package ahead of who receives.
func buildAll(ctx context.Context, tmp string, dirs []string, done chan<- built) {
	for i, dir := range dirs {
		b := built{dir: dir, binary: filepath.Join(tmp, fmt.Sprintf("test%d", i))}
		build := command(ctx, "test", "-c", "-vet=off", "-fuzz=Fuzz", "-ldflags=-s -w",
			"-o", b.binary, "./"+dir)
		if out, err := build.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build the tests of %s: %w\n%s", dir, err, out)
		}
		select {
		case done <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

// runner runs targets and keeps what became of them.
type runner struct {
	each     time.Duration
	parallel int
	cache    string // of go test, for inputs found earlier
	ran      int
	failed   []string
}

// problem names all targets that failed.
func (r *runner) problem() error {
	if len(r.failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d targets failed:\n%s", len(r.failed), strings.Join(r.failed, "\n"))
}

// fuzz runs one target. Its error is that of ctx; a target that fails is noted.
func (r *runner) fuzz(ctx context.Context, b built, name string) error {
	at, before := time.Now(), inputs(b.dir, name)
	test := exec.CommandContext(ctx, b.binary, "-test.run=^$", "-test.fuzz=^"+name+"$",
		"-test.fuzztime="+r.each.String(),
		// By default go test spends up to a minute on minimizing each new input.
		"-test.fuzzminimizetime=100x", fmt.Sprintf("-test.parallel=%d", r.parallel),
		"-test.timeout="+(2*r.each+time.Minute).String(),
		"-test.fuzzcachedir="+filepath.Join(r.cache, b.dir))
	test.Dir = b.dir
	out, err := test.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.ran++
	fmt.Printf("%-28s %-32s %s in %.1fs\n", b.dir, name, progress(out), time.Since(at).Seconds())
	if err == nil {
		return nil
	}
	if outOfTime(out) {
		fmt.Printf("  its time was over before all seeds had been tried: no failure, "+
			"but give it more than %v\n", r.each)
		return nil
	}
	what := fmt.Sprintf("%s %s: %v", b.dir, name, err)
	for _, path := range inputs(b.dir, name) {
		if slices.Contains(before, path) {
			continue
		}
		what += "\n  failing input: " + path
		if text, err := os.ReadFile(path); err == nil {
			// the file may vanish with the machine
			fmt.Printf("%s holds\n%.4096s\n", path, text)
		}
	}
	r.failed = append(r.failed, what)
	fmt.Printf("%s\nFAIL: %s\n", out, what)
	return nil
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, cmp.Or(os.Getenv("GO"), "go"), args...)
}

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(f \*testing\.F\)`)

// targets returns the fuzz targets below root by the directory of their package.
func targets(root string) (map[string][]string, error) {
	all := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") ||
			e.Name() == "testdata" || e.Name() == "build"):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		for _, m := range declared.FindAllSubmatch(text, -1) {
			all[dir] = append(all[dir], string(m[1]))
		}
		return err
	})
	return all, err
}

// inputs returns the files of a target's corpus in the source tree.
func inputs(dir, name string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "testdata/fuzz", name, "*"))
	return paths
}

// outOfTime reports whether a run failed only because its time was over before it had tried the
// seeds. Package testing calls that a failure; go test without -fuzz tries the seeds as well.
func outOfTime(out []byte) bool {
	_, why, failed := strings.Cut(string(out), "--- FAIL: ")
	lines := strings.Split(strings.TrimSpace(why), "\n")
	return failed && len(lines) == 3 &&
		strings.TrimSpace(lines[1]) == "context deadline exceeded" && lines[2] == "FAIL"
}

var counted = regexp.MustCompile(`execs: (\d+) .*new interesting: (\d+) \(total: (\d+)\)`)

// progress returns the last line of a run that counts what was done.
func progress(out []byte) string {
	all := counted.FindAllSubmatch(out, -1)
	if len(all) == 0 {
		return "no input run"
	}
	m := all[len(all)-1]
	return fmt.Sprintf("%7s inputs, %s of them new in a corpus of %s,", m[1], m[2], m[3])
}
