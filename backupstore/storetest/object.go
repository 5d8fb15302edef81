package storetest

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// zeroKey identifies blank objects of one backup that are alike.
type zeroKey struct {
	length      int64
	compression string
}

// packer compresses objects one after another. begin starts an object of length
// bytes; the object is complete after Close.
type packer interface {
	io.WriteCloser
	begin(to io.Writer, length int64)
}

type zlibPacker struct{ *zlib.Writer }

func (p zlibPacker) begin(to io.Writer, _ int64) { p.Reset(to) }

type zstdPacker struct{ *zstd.Encoder }

func (p zstdPacker) begin(to io.Writer, length int64) { p.ResetContentSize(to, length) }

// packer returns the packer of an algorithm, nil for none.
func (w *writer) packer(algorithm string) (packer, error) {
	if p, ok := w.packers[algorithm]; ok {
		return p, nil
	}
	var p packer
	switch algorithm {
	case "none":
	case "zlib", "gzip": // both are zlib streams in Cinder
		level := w.spec.Level
		if level == 0 {
			level = 6
		}
		z, err := zlib.NewWriterLevel(nil, level)
		if err != nil {
			return nil, err
		}
		p = zlibPacker{z}
	case "zstd":
		// Cinder's frames: a content size, no checksum, windows up to 2 MiB.
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(2<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, err
		}
		p = zstdPacker{z}
	default:
		return nil, fmt.Errorf("storetest cannot write compression %q", algorithm)
	}
	w.packers[algorithm] = p
	return p, nil
}

// object writes one extent as the next object.
func (w *writer) object(e Extent) error {
	number := len(w.backup.Objects) + 1
	algorithm := w.spec.CompressionOf(number)
	name := fmt.Sprintf("%s-%05d", w.backup.Key, number)
	file := w.backup.Path(fmt.Sprintf("-%05d", number))
	key, blank := zeroKey{e.Length, algorithm}, isZero(w.spec.Content, e.Offset, e.Length)
	if same, ok := w.zero[key]; ok && blank {
		if err := os.Link(w.backup.Path(same.Name[len(w.backup.Key):]), file); err != nil {
			return err
		}
		same.Name, same.Offset = name, e.Offset
		w.backup.Objects = append(w.backup.Objects, same)
		return nil
	}
	o := Object{Name: name, Offset: e.Offset, Length: e.Length, Compression: algorithm}
	err := createFile(file, func(f *os.File) error {
		if err := w.pack(f, &o); err != nil {
			return fmt.Errorf("object %s: %w", name, err)
		}
		if algorithm == "none" || o.StoredBytes < o.Length {
			return nil
		}
		o.Compression = "none"
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		return w.pack(f, &o)
	})
	if err != nil {
		return err
	}
	if blank {
		w.zero[key] = o
	}
	w.backup.Objects = append(w.backup.Objects, o)
	return nil
}

// pack writes the bytes of o to f, compressed as o.Compression says, and sets
// MD5 and StoredBytes.
func (w *writer) pack(f *os.File, o *Object) error {
	p, err := w.packer(o.Compression)
	if err != nil {
		return err
	}
	sum := md5.New()
	to := io.Writer(f)
	if p != nil {
		p.begin(f, o.Length)
		to = p
	}
	for done := int64(0); done < o.Length; {
		n := min(stepBytes, o.Length-done)
		if err := readFull(w.spec.Content, &w.buf, o.Offset+done, n); err != nil {
			return err
		}
		sum.Write(w.buf)
		if _, err := to.Write(w.buf); err != nil {
			return err
		}
		done += n
	}
	if p != nil {
		if err := p.Close(); err != nil {
			return err
		}
	}
	o.MD5 = hex.EncodeToString(sum.Sum(nil))
	o.StoredBytes, err = f.Seek(0, io.SeekCurrent)
	return err
}
