package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
)

// mountTable prints the table of mounts.
func (b *bench) mountTable(ctx context.Context) error {
	if err := b.prepareMounts(); err != nil {
		return err
	}
	if err := b.index(ctx, "share", "indexes", b.rows["zlib"].ID, b.rows["sparse"].ID); err != nil {
		return err
	}
	if err := b.index(ctx, "share-readers", "indexes", "--all"); err != nil {
		return err
	}
	fmt.Printf("%d processors, medians of %d\n\n", runtime.NumCPU(), b.rounds)
	fmt.Println("| what | against | measured | floor | goal |")
	fmt.Println("|---|---|---|---|---|")
	if err := b.mountTimes(ctx); err != nil {
		return err
	}
	null := b.indexed("zlib")
	if err := b.mountReads(ctx, null); err != nil {
		return err
	}
	if err := b.mountOverhead(ctx, null); err != nil {
		return err
	}
	return b.fresh("target", "cache")
}

// mountTimes prints how long it takes until a mount is of use.
func (b *bench) mountTimes(ctx context.Context) error {
	for _, r := range []struct {
		what        string
		run         contender
		floor, goal string
	}{
		{"time to usable mount, 2,000 backups, warm page cache", b.ready, "1 s", "0.3 s"},
		{"first byte of a 2 GB-object backup after mount", b.firstByte, "0.1 s", "0.02 s"},
	} {
		if !strings.Contains(r.what, b.only) {
			continue
		}
		all, _, err := b.alternate(ctx, r.run, nothing)
		if err != nil {
			return err
		}
		line(r.what, "", fmt.Sprintf("**%.3f s**", median(all, wall)), r.floor, r.goal)
	}
	return nil
}

// mountReads prints how fast reads of a mount are beside other ways to the same bytes. null
// restores to /dev/null.
func (b *bench) mountReads(ctx context.Context, null contender) error {
	const (
		toNull   = "materialize to /dev/null, same index"
		oneByOne = "one after the other"
	)
	for _, r := range []struct {
		what, against string
		a, b          contender
		floor, goal   string
	}{
		{"`dd bs=1M` of an indexed zlib backup, cold", toNull,
			b.ddMount("zlib", "fullblock"), null, "0.7x", "0.9x"},
		{"the same with `iflag=direct`", toNull,
			b.ddMount("zlib", "direct"), null, "0.6x", "0.8x"},
		{"random 4 KiB reads past the page cache, warm",
			"go-fuse serving the same bytes from memory",
			b.randomMount("zlib"), b.randomMemory, "0.7x", "0.9x"},
		{"`qemu-img convert` of a mostly empty volume, indexed",
			"nbdkit serving the raw image file",
			b.convert, b.convertNBD, "0.8x", "1.5x"},
		{"8 readers on 8 backups at once, indexed", oneByOne,
			b.readAllReaders(true, "indexes"), b.readAllReaders(false, "indexes"), "1.5x", "1.9x"},
		{"8 readers on 8 backups at once, no index", oneByOne,
			b.readAllReaders(true, "cache"), b.readAllReaders(false, "cache"), "1.5x", "1.9x"},
	} {
		if !strings.Contains(r.what, b.only) {
			continue
		}
		ours, theirs, err := b.alternate(ctx, r.a, r.b)
		if err != nil {
			return err
		}
		mine, its := median(ours, wall), median(theirs, wall)
		measured := fmt.Sprintf("**%.2fx** (%.2f s against %.2f s)", its/mine, mine, its)
		line(r.what, r.against, measured, r.floor, r.goal)
	}
	return nil
}

// mountOverhead prints what FUSE costs: a mount's CPU time less that of null, which restores to
// /dev/null.
func (b *bench) mountOverhead(ctx context.Context, null contender) error {
	for _, r := range []struct{ what, flags, floor, goal string }{
		{"FUSE overhead, direct", "direct", "1.0", "0.7"},
		{"FUSE overhead, buffered", "fullblock", "1.4", "1.1"},
	} {
		if !strings.Contains(r.what, b.only) {
			continue
		}
		ours, theirs, err := b.alternate(ctx, b.ddMount("zlib", r.flags), null)
		if err != nil {
			return err
		}
		size, err := fileSize(b.path("image.raw"))
		if err != nil {
			return err
		}
		mine, its, gib := median(ours, cpu), median(theirs, cpu), float64(size)/(1<<30)
		measured := fmt.Sprintf("**%.2f s/GiB** (%.2f s less %.2f s)", (mine-its)/gib, mine, its)
		line(r.what+", server and `dd`", "CPU of materialize to /dev/null", measured,
			r.floor, r.goal)
	}
	return nil
}

func nothing(context.Context) (taken, error) { return taken{}, nil }
