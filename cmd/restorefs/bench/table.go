package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// restores are the rows that compare with Cinder's own restore.
var restores = []struct{ label, what, floor, goal string }{
	{"zlib", "restore, zlib, Cinder's object size", "4x", "7x"},
	{"zlib 64 MiB", "restore, zlib, 64 MiB objects", "4x", "6x"},
	{"chain 3", "restore, zlib, full + 3 incrementals", "4x", "6x"},
	{"zstd", "restore, zstd", "2.5x", "4x"},
	{"bz2", "restore, bz2", "3x", "6x"},
	{"none", "restore, none", "2x", "3x"},
	{"sparse", "restore, mostly empty volume of twice the size", "20x", "60x"},
}

func (b *bench) table(ctx context.Context) error {
	fmt.Printf("%d processors, medians of %d\n\n", runtime.NumCPU(), b.rounds)
	fmt.Println("| what | against | measured | floor | goal |")
	fmt.Println("|---|---|---|---|---|")
	memory := 0.0
	for _, r := range restores {
		if !strings.Contains(r.what, b.only) {
			continue
		}
		ours, theirs, err := b.against(ctx, r.label)
		if err != nil {
			return err
		}
		mine, its := median(ours, wall), median(theirs, wall)
		line(r.what, "Cinder's restore",
			fmt.Sprintf("**%.1fx** (%.2f s against %.2f s; %.0f MiB against %.0f MiB)",
				its/mine, mine, its,
				median(ours, peak)/(1<<20), median(theirs, peak)/(1<<20)), r.floor, r.goal)
		if part := median(ours, peak) / median(theirs, peak); part > memory {
			memory = part
		}
	}
	if memory > 0 {
		line("peak memory, the worst of these rows", "Cinder's", fmt.Sprintf("**1/%.1f**",
			1/memory), "1/8", "1/20")
	}
	for _, r := range b.pairs() {
		if !strings.Contains(r.what, b.only) {
			continue
		}
		ours, theirs, err := b.alternate(ctx, r.a, r.b)
		if err != nil {
			return err
		}
		mine, its := median(ours, r.of), median(theirs, r.of)
		ratio := its / mine
		if r.inverse {
			ratio = mine / its
		}
		line(r.what, r.against, fmt.Sprintf("**%.2fx** (%.2f s against %.2f s)", ratio, mine, its),
			r.floor, r.goal)
	}
	return b.fresh("target", "target.metadata.json", "cinder-target", "dd-target", "cache")
}

// pair is a row in which two contenders alternate.
type pair struct {
	what, against string
	a, b          contender
	of            func(taken) float64
	inverse       bool // a's figure over b's
	floor, goal   string
}

func (b *bench) pairs() []pair {
	zlib := b.object("zlib")
	return []pair{
		{"restore, zlib, Cinder's object size", "`dd bs=4M conv=sparse,fsync` of the raw image",
			b.materialize("zlib"), b.dd, wall, true, "1.6x its time", "1.15x"},
		{"`--delta` of an unchanged volume", "reading it with SHA-256 on all cores",
			b.delta("zlib"), own("hash", b.path("target")), wall, false, "0.85x", "0.95x"},
		{"verify, zlib", "own materialize to /dev/null", b.verify("zlib"), b.toNull("zlib"), wall,
			false, "0.9x", "1.0x"},
		{"CPU time of materialize to /dev/null, zlib", "bare inflate and SHA-256", b.toNull("zlib"),
			own("decode", zlib), cpu, true, "1.3x", "1.1x"},
		{"CPU time of verify, zlib", "bare inflate and SHA-256", b.verify("zlib"),
			own("decode", zlib), cpu, true, "-", "-"},
	}
}

func line(what, against, measured, floor, goal string) {
	fmt.Fprintf(os.Stdout, "| %s | %s | %s | %s | %s |\n", what, against, measured, floor, goal)
}

func wall(t taken) float64 { return t.Seconds }
func cpu(t taken) float64  { return t.CPUSeconds }
func peak(t taken) float64 { return float64(t.PeakBytes) }

// against alternates materialize and Cinder, and checks once that what materialize restored is
// right.
func (b *bench) against(ctx context.Context, label string) (ours, theirs []taken, err error) {
	if _, err := b.materialize(label)(ctx); err != nil { // warms the page cache too
		return nil, nil, err
	}
	if err := b.check(ctx, label); err != nil {
		return nil, nil, err
	}
	return b.alternate(ctx, b.materialize(label), b.cinder(label))
}

// alternate alternates two contenders.
func (b *bench) alternate(ctx context.Context, first, second contender) (one, two []taken,
	err error) {
	for range b.rounds {
		t, err := first(ctx)
		if err != nil {
			return nil, nil, err
		}
		u, err := second(ctx)
		if err != nil {
			return nil, nil, err
		}
		one, two = append(one, t), append(two, u)
	}
	return one, two, nil
}
