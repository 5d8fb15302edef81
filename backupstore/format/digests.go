package format

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxBlockBytes bounds the digest block size (backup_sha_block_size_bytes, 32 KiB unless
// configured), because a block is decoded and verified as a whole in memory.
const MaxBlockBytes = 64 << 20

// Source is an open _sha256file.
type Source interface {
	ReadAt(ctx context.Context, p []byte, off int64) (n int, err error)
	Size() int64
}

// Digest is the SHA-256 of one block of the composed volume.
type Digest [32]byte

// ErrDigests is wrapped by errors about a _sha256file, or a row of it, that is not what Cinder
// writes.
var ErrDigests = errors.New("damaged digest file")

const (
	rowBytes = 66 // a quoted SHA-256 in hex
	// endBytes is how much of the start and the end of the file is searched for the fields around
	// the rows. Cinder's are some 300 bytes; a description can be 255 characters.
	endBytes = 64 << 10
	// markEvery is the number of rows for which one offset is kept if rows have no constant stride:
	// 64 KiB of memory for each TiB of volume.
	markEvery = 4096
)

// Digests reads the rows of one _sha256file. As json.dumps writes them they have a constant stride,
// so that any row is one read away whatever the file's size (2.4 GB for a volume of 1 TiB). In
// files with another layout rows are found through a sparse index, which is made in one pass when
// the file is opened.
type Digests struct {
	src       Source
	block     int64
	rows      int64
	first     int64   // offset of row 0
	stride    int64   // bytes from row to row, 0: use marks
	separator []byte  // between two rows, stride-rowBytes long
	marks     []int64 // offset of each markEvery-th row
	BackupID  string
	VolumeID  string
}

// digestFields are the fields around the rows.
type digestFields struct {
	BackupID  string `json:"backup_id"`
	ChunkSize int64  `json:"chunk_size"`
	Version   string `json:"version"`
	VolumeID  string `json:"volume_id"`
}

// OpenDigests finds the rows in src. It reads only the two ends of a file with Cinder's layout, and
// all of another file, once.
func OpenDigests(ctx context.Context, src Source) (*Digests, error) {
	head, err := readEnd(ctx, src, 0)
	if err != nil {
		return nil, err
	}
	// Inside a JSON string the quote after the name would follow a backslash, so this is the key
	// itself.
	key := bytes.Index(head, []byte(`"sha256s"`))
	if key < 0 {
		return nil, fmt.Errorf("%w: no \"sha256s\" in the first %d bytes", ErrDigests, len(head))
	}
	open := bytes.IndexByte(head[key:], '[')
	if open < 0 {
		return nil, fmt.Errorf("%w: \"sha256s\" is no list", ErrDigests)
	}
	d := &Digests{src: src, first: int64(key + open + 1)}
	prologue := head[:d.first]
	rest := head[d.first:]
	blank := len(rest) - len(bytes.TrimLeft(rest, " \t\r\n"))
	d.first += int64(blank)

	end, err := d.findStride(ctx, rest[blank:])
	if err != nil {
		return nil, err
	}
	if d.stride == 0 {
		if end, err = d.mark(ctx); err != nil {
			return nil, err
		}
	}
	// Without the rows, the file is a small JSON document.
	if src.Size()-end > endBytes {
		return nil, fmt.Errorf("%w: more than %d bytes after the rows", ErrDigests, endBytes)
	}
	epilogue := make([]byte, src.Size()-end)
	if _, err := readFull(ctx, src, epilogue, end); err != nil {
		return nil, err
	}
	var f digestFields
	if err := json.Unmarshal(append(bytes.Clone(prologue), epilogue...), &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDigests, err)
	}
	if f.Version != Version {
		return nil, fmt.Errorf("digest file: %w", versionError(fmt.Sprintf("%q", clip(f.Version)),
			fmt.Sprintf("%q", Version)))
	}
	if f.ChunkSize < 512 || f.ChunkSize > MaxBlockBytes {
		return nil, fmt.Errorf("%w: chunk_size %d is not within 512..%d", ErrDigests, f.ChunkSize,
			MaxBlockBytes)
	}
	if d.rows > MaxVolumeBytes/f.ChunkSize {
		return nil, fmt.Errorf("%w: %d rows of %d bytes", ErrDigests, d.rows, f.ChunkSize)
	}
	d.block, d.BackupID, d.VolumeID = f.ChunkSize, f.BackupID, f.VolumeID
	return d, nil
}

// BlockBytes returns the size of the block that each row covers; the last block may be shorter.
func (d *Digests) BlockBytes() int64 { return d.block }

// Rows returns the number of rows.
func (d *Digests) Rows() int64 { return d.rows }

// findStride finds the stride and the number of the rows, and returns the offset after the last
// row. It leaves the stride 0 if it is not constant.
func (d *Digests) findStride(ctx context.Context, rest []byte) (int64, error) {
	if len(rest) < rowBytes {
		return 0, nil
	}
	next := bytes.IndexByte(rest[rowBytes:min(len(rest), rowBytes+1024)], '"')
	sep := rest[rowBytes:]
	if next >= 0 {
		sep = sep[:next]
	}
	if next < 0 || bytes.IndexByte(sep, ']') >= 0 {
		return 0, nil // one row or none, which mark reads quickly
	}
	tail, err := readEnd(ctx, d.src, max(0, d.src.Size()-endBytes))
	if err != nil {
		return 0, err
	}
	// The closing bracket is the last one that follows a row: one in the text of a later field does
	// not.
	for i := len(tail); ; {
		if i = bytes.LastIndexByte(tail[:i], ']'); i < 0 {
			return 0, nil
		}
		before := bytes.TrimRight(tail[:i], " \t\r\n")
		if len(before) < rowBytes || !isRow(before[len(before)-rowBytes:]) {
			continue
		}
		end := d.src.Size() - int64(len(tail)-len(before))
		stride := int64(rowBytes + len(sep))
		last := end - rowBytes
		if (last-d.first)%stride != 0 {
			return 0, nil
		}
		d.stride, d.separator = stride, bytes.Clone(sep)
		d.rows = (last-d.first)/stride + 1
		return end, nil
	}
}

// Read reads the rows first..first+len(dst)-1. Its error wraps ErrDigests if rows are not where
// they should be.
func (d *Digests) Read(ctx context.Context, first int64, dst []Digest) error {
	if first < 0 || first+int64(len(dst)) > d.rows {
		return fmt.Errorf("%w: rows %d to %d of %d", ErrDigests, first, first+int64(len(dst)),
			d.rows)
	}
	if len(dst) == 0 {
		return nil
	}
	if d.stride == 0 {
		return d.readMarked(ctx, first, dst)
	}
	buf := make([]byte, int64(len(dst))*d.stride-int64(len(d.separator)))
	if _, err := readFull(ctx, d.src, buf, d.first+first*d.stride); err != nil {
		return err
	}
	for i := range dst {
		row := buf[int64(i)*d.stride:]
		if !decodeRow(&dst[i], row[:rowBytes]) ||
			i+1 < len(dst) && !bytes.Equal(row[rowBytes:d.stride], d.separator) {
			return fmt.Errorf("%w: row %d is not a SHA-256", ErrDigests, first+int64(i))
		}
	}
	return nil
}

func isRow(b []byte) bool {
	var d Digest
	return decodeRow(&d, b)
}

func decodeRow(d *Digest, row []byte) bool {
	if row[0] != '"' || row[rowBytes-1] != '"' {
		return false
	}
	_, err := hex.Decode(d[:], row[1:rowBytes-1])
	return err == nil
}

// mark reads all rows once, counts them and keeps the offsets of some. It returns the offset after
// the last one.
func (d *Digests) mark(ctx context.Context) (int64, error) {
	s := rowScanner{src: d.src, off: d.first}
	end := d.first
	for {
		at, _, err := s.next(ctx, d.rows == 0)
		if err == io.EOF {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		if d.rows%markEvery == 0 {
			d.marks = append(d.marks, at)
		}
		d.rows++
		end = at + rowBytes
	}
}

func (d *Digests) readMarked(ctx context.Context, first int64, dst []Digest) error {
	s := rowScanner{src: d.src, off: d.marks[first/markEvery]}
	start := first / markEvery * markEvery
	for i := start; i < first+int64(len(dst)); i++ {
		_, row, err := s.next(ctx, i == start)
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if i >= first {
			dst[i-first] = row
		}
	}
	return nil
}

// rowScanner reads rows one by one, with any white space between them.
type rowScanner struct {
	src Source
	off int64 // of buf's first byte
	buf []byte
}

// next returns the next row and its offset, io.EOF at the closing bracket. atFirst says that no
// comma is expected before the row.
func (s *rowScanner) next(ctx context.Context, atFirst bool) (int64, Digest, error) {
	comma := atFirst
	for {
		if len(s.buf) < rowBytes {
			if err := s.fill(ctx); err != nil {
				return 0, Digest{}, err
			}
		}
		switch c := s.buf[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == ',' && !comma:
			comma = true
		case c == ']' && (atFirst || !comma):
			return 0, Digest{}, io.EOF
		case c == '"' && comma && len(s.buf) >= rowBytes:
			var d Digest
			if !decodeRow(&d, s.buf[:rowBytes]) {
				return 0, d, fmt.Errorf("%w: no SHA-256 at byte %d", ErrDigests, s.off)
			}
			at := s.off
			s.off, s.buf = s.off+rowBytes, s.buf[rowBytes:]
			return at, d, nil
		default:
			return 0, Digest{}, fmt.Errorf("%w: unexpected %q at byte %d", ErrDigests, c, s.off)
		}
		s.off, s.buf = s.off+1, s.buf[1:]
	}
}

func (s *rowScanner) fill(ctx context.Context) error {
	n := min(s.src.Size()-s.off, endBytes)
	if n <= int64(len(s.buf)) {
		if len(s.buf) == 0 {
			return fmt.Errorf("%w: it ends among the rows", ErrDigests)
		}
		return nil
	}
	buf := make([]byte, n)
	_, err := readFull(ctx, s.src, buf, s.off)
	s.buf = buf
	return err
}

func readEnd(ctx context.Context, src Source, off int64) ([]byte, error) {
	buf := make([]byte, min(src.Size()-off, endBytes))
	_, err := readFull(ctx, src, buf, off)
	return buf, err
}

func readFull(ctx context.Context, src Source, p []byte, off int64) (int, error) {
	n, err := src.ReadAt(ctx, p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("read digest file at byte %d: %w", off, err)
}
