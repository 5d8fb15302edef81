package bunzip2

import (
	"bytes"
	"compress/bzip2"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
)

// benchmarkStream returns a real stream and how many bytes it decodes to. It is
// the file named by BUNZIP2_BENCH, or what the program bzip2 makes of the test
// program itself.
//
// To compare with libbz2 and lbzip2, run them on the same file and compare
// times of the process (user + sys), several times in turn:
//
//	BUNZIP2_BENCH=disk.bz2 go test -bench . -cpu 1 -count 5
//	time bzip2 -dc disk.bz2 >/dev/null
//	time lbzip2 -n2 -dc disk.bz2 >/dev/null
func benchmarkStream(b *testing.B) (stored, int64) {
	b.Helper()
	var data []byte
	var err error
	if name := os.Getenv("BUNZIP2_BENCH"); name != "" {
		data, err = os.ReadFile(name)
	} else {
		var self string
		if self, err = os.Executable(); err != nil {
			b.Fatal(err)
		}
		if _, err := exec.LookPath("bzip2"); err != nil {
			b.Skip("needs the program bzip2, or BUNZIP2_BENCH=FILE.bz2:", err)
		}
		data, err = exec.Command("bzip2", "-c", self).Output()
	}
	if err != nil {
		b.Fatal(err)
	}
	d := New(stored(data), Options{Workers: 2})
	defer d.Close()
	if _, err := d.Skip(context.Background(), 1<<62); err != io.EOF {
		b.Fatal(err)
	}
	return data, d.Offset()
}

func BenchmarkDecode(b *testing.B) {
	src, size := benchmarkStream(b)
	p := make([]byte, 1<<20)
	b.Run("reference", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			r := bzip2.NewReader(bytes.NewReader(src))
			for {
				if _, err := r.Read(p); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	for name, workers := range map[string]int{"alone": 0, "workers=2": 2} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			bufs := new(Buffers)
			for b.Loop() {
				d := New(src, Options{Buffers: bufs, Workers: workers})
				for {
					if _, err := d.Read(b.Context(), p); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				d.Close()
			}
		})
	}
}

// BenchmarkStages times the stages of one block, the second of the stream or
// the first.
func BenchmarkStages(b *testing.B) {
	src, _ := benchmarkStream(b)
	ctx := b.Context()
	o := &notes{t: b}
	d := New(src, Options{Observer: o})
	if _, err := d.Skip(ctx, 1<<62); err != io.EOF {
		b.Fatal(err)
	}
	cp := o.checkpoints[min(1, len(o.checkpoints)-1)]
	s := new(scratch)
	var r bitReader
	r.src = src
	k := new(block)
	n := 0
	column := func() {
		if err := r.seek(ctx, cp.In+magicBits); err != nil {
			b.Fatal(err)
		}
		var err error
		if err = s.readHeader(ctx, &r); err == nil {
			n, err = s.readColumn(ctx, &r, maxBlock)
		}
		if err != nil {
			b.Fatal(err)
		}
		k.crc = s.header.crc
	}
	column()
	count, data := s.count, bytes.Clone(s.bytes[:n])
	k.rle = make([]byte, n)
	b.Run("header", func(b *testing.B) {
		for b.Loop() {
			if err := r.seek(ctx, cp.In+magicBits); err != nil {
				b.Fatal(err)
			}
			if err := s.readHeader(ctx, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("column", func(b *testing.B) {
		b.SetBytes(int64(n))
		for b.Loop() {
			column()
		}
	})
	link := func() {
		s.count = count
		copy(s.bytes[:], data)
		s.link(n)
	}
	b.Run("link", func(b *testing.B) {
		b.SetBytes(int64(n))
		for b.Loop() {
			link()
		}
	})
	b.Run("link and walk", func(b *testing.B) {
		b.SetBytes(int64(n))
		for b.Loop() {
			link()
			s.walk(k.rle, s.header.origin)
		}
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if err := k.check(ctx, s.bytes[:checkBytes]); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(k.out)
	})
}
