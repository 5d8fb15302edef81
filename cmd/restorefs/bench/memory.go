package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const memoryFile = "volume.raw"

// serveMemory serves the simplest possible FUSE file with go-fuse: bytes in memory. It uses the
// mount options of restorefs that matter for speed, and ends when ctx does. arg is
// IMAGE@MOUNTPOINT.
func serveMemory(ctx context.Context, arg string) error {
	image, dir, _ := strings.Cut(arg, "@")
	f, err := os.Open(image)
	if err != nil {
		return err
	}
	data := make([]byte, hotBytes)
	_, err = f.ReadAt(data, hotStart)
	f.Close()
	if err != nil && err != io.EOF {
		return err
	}
	root := &gofs.Inode{}
	server, err := gofs.Mount(dir, root, &gofs.Options{
		MountOptions: fuse.MountOptions{FsName: "memory", DirectMount: true, DisableXAttrs: true,
			MaxWrite: 1 << 20, DisableSplice: true},
		OnAdd: func(ctx context.Context) {
			root.AddChild(memoryFile, root.NewPersistentInode(ctx, &gofs.MemRegularFile{Data: data,
				Attr: fuse.Attr{Mode: 0o400}}, gofs.StableAttr{}), false)
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "mounted")
	<-ctx.Done()
	return server.Unmount()
}

// readRandom reads the range that begins at arg, FILE@START, first as a whole and then at random,
// and prints the time of the latter.
func readRandom(arg string) error {
	name, from, _ := strings.Cut(arg, "@")
	start, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	// Aligned, for O_DIRECT.
	buf, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	for off := int64(0); off < hotBytes; off += int64(len(buf)) {
		if _, err := f.ReadAt(buf, start+off); err != nil {
			return err
		}
	}
	const reads = 50_000
	r := rand.New(rand.NewPCG(1, 2))
	begin := time.Now()
	for range reads {
		if _, err := f.ReadAt(buf[:4096], start+r.Int64N(hotBytes/4096)*4096); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(taken{Seconds: time.Since(begin).Seconds()})
}
