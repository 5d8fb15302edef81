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
	"syscall"
	"time"
)

func main() {
	each := flag.Duration("time", time.Minute, "how long each target is fuzzed")
	parallel := flag.Int("parallel", 2, "inputs at a time")
	flag.Parse()
	if flag.NArg() > 0 || *each <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *each, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "gofuzz:", err)
		os.Exit(1)
	}
}

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
	var failed, left []string
	var building time.Duration
	ran := 0
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		at := time.Now()
		binary := filepath.Join(tmp, "test")
		build := command(ctx, "test", "-c", "-vet=off", "-fuzz=Fuzz", "-o", binary, "./"+dir)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the tests of %s: %w\n%s", dir, err, out)
		}
		building += time.Since(at)
		for _, name := range all[dir] {
			if time.Since(begin) > most {
				left = append(left, dir+" "+name)
				continue
			}
			at, before := time.Now(), inputs(dir, name)
			// Inputs found earlier are in go test's own directory.
			test := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.fuzz=^"+name+"$", "-test.fuzztime="+each.String(),
				// By default go test spends up to a minute on minimizing each new input.
				"-test.fuzzminimizetime=100x", fmt.Sprintf("-test.parallel=%d", parallel), "-test.timeout="+(2*each+time.Minute).String(),
				"-test.fuzzcachedir="+filepath.Join(strings.TrimSpace(string(cache)), "fuzz/github.com/restorefs/restorefs", dir))
			test.Dir = dir
			out, err := test.CombinedOutput()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			ran++
			fmt.Printf("%-28s %-32s %s in %.1fs\n", dir, name, progress(out), time.Since(at).Seconds())
			if err == nil {
				continue
			}
			if outOfTime(out) {
				fmt.Printf("  its time was over before all seeds had been tried: no failure, but give it more than %v\n", each)
				continue
			}
			what := fmt.Sprintf("%s %s: %v", dir, name, err)
			for _, path := range inputs(dir, name) {
				if slices.Contains(before, path) {
					continue
				}
				what += "\n  failing input: " + path
				if text, err := os.ReadFile(path); err == nil {
					// the file may vanish with the machine
					fmt.Printf("%s holds\n%.4096s\n", path, text)
				}
			}
			failed = append(failed, what)
			fmt.Printf("%s\nFAIL: %s\n", out, what)
		}
	}
	fmt.Printf("%d fuzz targets of %d packages ran for %v each, in %.0fs, of which building took %.0fs\n",
		ran, len(all), each, time.Since(begin).Seconds(), building.Seconds())
	var problems []error
	if len(failed) > 0 {
		problems = append(problems, fmt.Errorf("%d targets failed:\n%s", len(failed), strings.Join(failed, "\n")))
	}
	if len(left) > 0 {
		problems = append(problems, fmt.Errorf("%v were over before all targets ran: %s", most, strings.Join(left, ", ")))
	}
	return errors.Join(problems...)
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
		case e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata" || e.Name() == "build"):
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
	return failed && len(lines) == 3 && strings.TrimSpace(lines[1]) == "context deadline exceeded" && lines[2] == "FAIL"
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
