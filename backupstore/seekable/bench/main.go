// Command bench measures the decoders against their peers on one machine, in
// one run, and prints the table of docs/benchmarks.md. `make bench` runs it.
//
// Every measurement is a process of its own, so that processor time can be told
// apart; contenders take turns, and medians are compared. Peers that are not
// installed are left out, and said to be.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
)

func main() {
	image := flag.String("image", "", "raw disk image to compress; made from /usr when not given")
	dir := flag.String("dir", os.TempDir()+"/restorefs-bench",
		"where inputs are made and kept for the next run")
	rounds := flag.Int("rounds", 5, "how often each contender runs")
	only := flag.String("only", "", "measure only rows that contain this text")
	contender := flag.String("contender",
		"", "(used by bench itself) run this contender and print its seconds")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	in := inputs{dir: *dir, image: *image}
	var err error
	if *contender != "" {
		err = runContender(ctx, *contender, in)
	} else {
		err = table(ctx, in, *rounds, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one line of the table: a contender against another, or a contender's
// own figures.
type row struct {
	what, against string
	floor, goal   string
	a, b          string // contenders; ratio is b's seconds over a's
	figures       bool   // a prints its figures, there is no b
}

var rows = []row{
	{what: "inflate, ext4 image of real files", against: "klauspost/compress/flate", floor: "2.3x",
		goal: "3.0x", a: "inflate", b: "flate"},
	{what: "", against: "libdeflate (raw deflate)", floor: "0.70x", goal: "0.90x", a: "inflate",
		b: "libdeflate"},
	{what: "", against: "zlib (Python), both with Adler-32", floor: "1.8x", goal: "2.2x",
		a: "inflate-adler", b: "zlib"},
	{what: "index pass, digests on another core", against: "own plain inflate", floor: "0.85x",
		goal: "0.95x", a: "inflate-index", b: "inflate-wall"},
	{what: "index size, zlib, 512 KiB spacing", against: "32 KiB a checkpoint", floor: "1/8",
		goal: "1/16", a: "index-size", figures: true},
	{what: "random 4 KiB, zlib, p50 / p99", floor: "1 ms / 4 ms", goal: "0.4 ms / 1.5 ms",
		a: "random-zlib", figures: true},
	{what: "random 4 KiB, zstd, p50 / p99", floor: "-", goal: "-", a: "random-zstd", figures: true},
	{what: "random 4 KiB, zstd, p50", against: "klauspost from frame start", floor: "100x",
		goal: "400x", a: "p50-zstd", b: "start-zstd"},
	{what: "random 4 KiB, bzip2, p50 / p99", floor: "-", goal: "15 ms", a: "random-bzip2",
		figures: true},
	{what: "zstd, front to back", against: "klauspost/compress/zstd", floor: "0.95x", goal: "1.1x",
		a: "unzstd", b: "zstd-klauspost"},
	{what: "bzip2 decode with index", against: "libbz2", floor: "2.0x", goal: "2.8x",
		a: "bunzip2-index", b: "libbz2"},
	{what: "bzip2 first pass, 2 cores", against: "lbzip2 -n2", floor: "1.0x", goal: "1.5x",
		a: "bunzip2-first", b: "lbzip2"},
	{what: "first touch at the far end, zlib, 2 cores", against: "own, 1 core", floor: "1.3x",
		goal: "1.7x", a: "touch-2", b: "touch-1"},
	{what: "sequential read, indexed zlib, 2 cores", against: "own, 1 core", floor: "1.7x",
		goal: "1.95x", a: "sequential-2", b: "sequential-1"},
}

func table(ctx context.Context, in inputs, rounds int, only string) error {
	if err := in.make(ctx); err != nil {
		return err
	}
	fmt.Println("| what | against | measured | floor | goal |")
	fmt.Println("|---|---|---|---|---|")
	what := ""
	for _, r := range rows {
		if r.what != "" {
			what = r.what
		}
		if !strings.Contains(what+" "+r.against, only) {
			continue
		}
		measured, err := measure(ctx, in, r, rounds)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			measured = "not measured: " + err.Error()
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", what, r.against, measured, r.floor, r.goal)
	}
	return nil
}

// measure lets the two contenders of a row take turns.
func measure(ctx context.Context, in inputs, r row, rounds int) (string, error) {
	if r.figures {
		return spawn(ctx, in, r.a)
	}
	var a, b []float64
	for range rounds {
		for _, c := range []struct {
			name  string
			times *[]float64
		}{{r.a, &a}, {r.b, &b}} {
			out, err := spawn(ctx, in, c.name)
			if err != nil {
				return "", err
			}
			seconds, err := strconv.ParseFloat(out, 64)
			if err != nil {
				return "", err
			}
			*c.times = append(*c.times, seconds)
		}
	}
	ma, mb := median(a), median(b)
	return fmt.Sprintf("**%.2fx** (%.4g s against %.4g s)", mb/ma, ma, mb), nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// spawn runs one contender in a process of its own and returns what it prints.
func spawn(ctx context.Context, in inputs, name string) (string, error) {
	if peer, ok := peers[name]; ok {
		return peer(ctx, in)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, "-contender", name, "-dir", in.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
