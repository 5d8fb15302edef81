package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/seekable/bunzip2"
	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Contenders that read an object through an index, or from where one would lead.

// open returns the object in path behind an engine whose index is complete and
// on disk.
func (b bench) open(path string, alg seekable.Algorithm, workers int,
	build bool) (*seekable.Object, string, error) {
	src, err := b.load(path)
	if err != nil {
		return nil, "", err
	}
	length := int64(sliceLen)
	if alg != seekable.Bzip2 {
		st, err := os.Stat(b.in.raw())
		if err != nil {
			return nil, "", err
		}
		length = st.Size()
	}
	dir := filepath.Join(b.in.dir, "index")
	if !build {
		if dir, err = os.MkdirTemp(b.in.dir, "index-"); err != nil {
			return nil, "", err
		}
	}
	store, err := index.OpenStore(dir, 1<<30, nil)
	if err != nil {
		return nil, "", err
	}
	e := seekable.NewEngine(seekable.Options{MemoryBytes: 128 << 20, Indexes: store,
		Workers: workers})
	o := e.NewObject(src, alg, length, seekable.Identity{Path: path})
	for done := !build; !done; {
		if done, err = o.Build(b.ctx, 64<<20); err != nil {
			return nil, "", err
		}
	}
	return o, dir, nil
}

func (b bench) indexSize() (string, error) {
	os.RemoveAll(filepath.Join(b.in.dir, "index"))
	o, dir, err := b.open(b.in.zlib(), seekable.Zlib, 1, true)
	if err != nil {
		return "", err
	}
	var bytes int64
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			st, statErr := e.Info()
			err = statErr
			bytes += st.Size()
		}
		return err
	})
	if err != nil {
		return "", err
	}
	checkpoints := len(o.Splits(0, o.Length(), 1)) + 1
	st, err := os.Stat(b.in.zlib())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("**1/%.1f** (%d checkpoints, %.2f MiB, %.2f %% of the object)",
		float64(checkpoints)*(32<<10)/float64(bytes),
		checkpoints, float64(bytes)/(1<<20), 100*float64(bytes)/float64(st.Size())), nil
}

// How random presents its times.
func bothFigures(times []time.Duration) string {
	return fmt.Sprintf("**%.2f ms / %.2f ms**", ms(times[len(times)/2]),
		ms(times[len(times)*99/100]))
}

func medianSeconds(times []time.Duration) string {
	return fmt.Sprint(times[len(times)/2].Seconds())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// random reads 4 KiB at random places with a complete index on disk. No two
// reads are near each other, so that no parked decoder helps.
func (b bench) random(path string, alg seekable.Algorithm,
	present func([]time.Duration) string) (string, error) {
	o, _, err := b.open(path, alg, 1, true)
	if err != nil {
		return "", err
	}
	defer o.Close()
	n := 1000
	if alg == seekable.Bzip2 {
		n = 100
	}
	rng := rand.New(rand.NewPCG(7, 7))
	buf := make([]byte, 4096)
	var times []time.Duration
	for _, i := range rng.Perm(n) {
		off := (int64(i)*(o.Length()/int64(n)) + rng.Int64N(o.Length()/int64(n)-4096)) &^ 4095
		start := time.Now()
		if err := o.ReadAt(b.ctx, buf, off); err != nil {
			return "", err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return present(times), nil
}

// zstdFromStart is the median time of a 4 KiB read by who can only start at the
// frame's start.
func (b bench) zstdFromStart() (string, error) {
	src, err := b.load(b.in.zstd())
	if err != nil {
		return "", err
	}
	var times []time.Duration
	for i := range int64(9) { // evenly: their median is the middle of the frame
		start := time.Now()
		z, err := zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return "", err
		}
		if _, err := io.CopyN(io.Discard, z, (i+1)<<30/10); err != nil {
			return "", err
		}
		z.Close()
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return medianSeconds(times), nil
}

// bunzip2Indexed decodes block by block, each resumed at its checkpoint.
func (b bench) bunzip2Indexed() (string, error) {
	src, err := b.load(b.in.bzip2())
	if err != nil {
		return "", err
	}
	buf := make([]byte, pieceBytes)
	var found checkpoints
	var buffers bunzip2.Buffers
	first := bunzip2.New(src, bunzip2.Options{Observer: &found, Buffers: &buffers})
	if err := readAll(b.ctx, first, buf); err != nil {
		return "", err
	}
	first.Close()
	return seconds(cpuTime, func() error {
		for i, cp := range found {
			end := int64(sliceLen)
			if i+1 < len(found) {
				end = found[i+1].Out
			}
			d, err := bunzip2.Resume(src, cp, bunzip2.Options{Buffers: &buffers})
			if err != nil {
				return err
			}
			for d.Offset() < end {
				if _, err := d.Read(b.ctx, buf[:min(int64(len(buf)), end-d.Offset())]); err != nil {
					return err
				}
			}
			d.Close()
		}
		return nil
	})
}

type checkpoints []stream.Checkpoint

func (c *checkpoints) Checkpoint(cp stream.Checkpoint) { *c = append(*c, cp) }
func (c *checkpoints) Zeros(int64, int64)              {}

// touch reads 4 KiB at the far end of an object without an index.
func (b bench) touch(workers int) (string, error) {
	o, dir, err := b.open(b.in.zlib(), seekable.Zlib, workers, false)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	defer o.Close()
	return seconds(wallTime,
		func() error { return o.ReadAt(b.ctx, make([]byte, 4096), o.Length()-4096) })
}

// sequential reads a whole indexed object, in as many parts at a time as there
// are workers.
func (b bench) sequential(workers int) (string, error) {
	o, _, err := b.open(b.in.zlib(), seekable.Zlib, 1, true)
	if err != nil {
		return "", err
	}
	defer o.Close()
	type part struct{ off, end int64 }
	parts := make(chan part)
	errs := make(chan error, workers)
	for range workers {
		go func() {
			buf := make([]byte, pieceBytes)
			for p := range parts {
				for off := p.off; off < p.end; off += pieceBytes {
					if err := o.ReadAt(b.ctx, buf[:min(pieceBytes, p.end-off)], off); err != nil {
						errs <- err
						return
					}
				}
			}
			errs <- nil
		}()
	}
	return seconds(wallTime, func() error {
		at := int64(0)
		for _, cut := range append(o.Splits(0, o.Length(), 32<<20), o.Length()) {
			parts <- part{at, cut}
			at = cut
		}
		close(parts)
		var err error
		for range workers {
			err = cmp.Or(err, <-errs)
		}
		return err
	})
}
