package seekable

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// kind is what callers tell an error by.
func kind(err error) string {
	switch {
	case err == nil:
		return "right"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case errors.Is(err, stream.ErrCorrupt):
		return "damaged"
	}
	return err.Error()
}

// Each object has one oddity: how all of its bytes read, and how it ends.
func TestEachOddityOfAnObjectIsToldByItsError(t *testing.T) {
	want := words(rand.New(rand.NewPCG(5, 5)), 100_000)
	bz := python(t, "../bunzip2/testdata/text-two-blocks.bz2", Bzip2, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil })
	whole := map[Algorithm]sample{
		Raw:   {"raw", Raw, want, want},
		Zlib:  {"zlib", Zlib, deflated(t, 6, len(want), want), want},
		Bzip2: {"bzip2", Bzip2, bz.stored, bz.want},
		Zstd:  {"zstd", Zstd, zstandard(t, want), want},
	}
	for _, c := range []struct {
		name   string
		change func(s *sample)
		// Of Raw, Zlib, Bzip2 and Zstd. Checksums inside of a stream are for Check; Raw
		// has nothing that could tell. The last byte of this bzip2 stream is filling.
		reads, ends [4]string
	}{
		{"it is whole", func(*sample) {}, [4]string{"right", "right", "right", "right"}, [4]string{"right", "right", "right", "right"}},
		{"there is nothing of it", func(s *sample) { s.stored = nil }, [4]string{"cut", "cut", "cut", "cut"}, [4]string{"damaged", "cut", "cut", "cut"}},
		{"it ends in the middle", func(s *sample) { s.stored = s.stored[:len(s.stored)/2] }, [4]string{"cut", "cut", "cut", "cut"}, [4]string{"damaged", "cut", "cut", "cut"}},
		{"its last byte is missing", func(s *sample) { s.stored = s.stored[:len(s.stored)-1] }, [4]string{"cut", "right", "right", "right"}, [4]string{"damaged", "cut", "cut", "cut"}},
		{"its last byte is another", func(s *sample) { s.stored[len(s.stored)-1] ^= 1 }, [4]string{"wrong", "right", "right", "right"}, [4]string{"right", "right", "right", "damaged"}},
		{"its first byte is another", func(s *sample) { s.stored[0] ^= 1 }, [4]string{"wrong", "damaged", "damaged", "damaged"}, [4]string{"right", "damaged", "damaged", "damaged"}},
		{"it is of another kind", func(s *sample) { s.stored = bytes.Clone(whole[s.alg%4+1].stored) }, [4]string{"cut", "damaged", "damaged", "damaged"}, [4]string{"damaged", "damaged", "damaged", "damaged"}},
		{"a byte is behind it", func(s *sample) { s.stored = append(s.stored, 7) }, [4]string{"right", "right", "right", "right"}, [4]string{"damaged", "right", "right", "right"}},
		{"zeros are behind it", func(s *sample) { s.stored = append(s.stored, make([]byte, 5000)...) }, [4]string{"right", "right", "right", "right"}, [4]string{"damaged", "right", "right", "right"}},
		{"it is there twice", func(s *sample) {
			s.stored, s.want = slices.Concat(s.stored, s.stored), slices.Concat(s.want, s.want)
		}, [4]string{"right", "cut", "right", "right"}, [4]string{"right", "cut", "right", "right"}},
		{"it is there twice, and once in its record", func(s *sample) { s.stored = slices.Concat(s.stored, s.stored) }, [4]string{"right", "right", "right", "right"}, [4]string{"damaged", "damaged", "damaged", "damaged"}},
		{"its record has a byte more", func(s *sample) { s.want = append(bytes.Clone(s.want), 'x') }, [4]string{"cut", "cut", "cut", "cut"}, [4]string{"damaged", "cut", "cut", "cut"}},
		{"its record has a byte less", func(s *sample) { s.want = s.want[:len(s.want)-1] }, [4]string{"right", "right", "right", "right"}, [4]string{"damaged", "damaged", "damaged", "damaged"}},
		{"its record has nothing", func(s *sample) { s.want = nil }, [4]string{"right", "right", "right", "right"}, [4]string{"damaged", "damaged", "damaged", "damaged"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, alg := range []Algorithm{Raw, Zlib, Bzip2, Zstd} {
				s := whole[alg]
				s.stored = bytes.Clone(s.stored)
				c.change(&s)
				o := s.open(newEngine(t, Options{NoBuild: true}), "o")
				got := make([]byte, len(s.want))
				read := kind(o.ReadAt(t.Context(), got, 0))
				if read == "right" && !bytes.Equal(got, s.want) {
					read = "wrong"
				}
				end := kind(o.CheckEnd(t.Context()))
				o.Close()
				if read != c.reads[i] || end != c.ends[i] {
					t.Errorf("%s: its bytes are %s, its end is %s; not %s and %s", s.name, read, end, c.reads[i], c.ends[i])
				}
			}
		})
	}
}
