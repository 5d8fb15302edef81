// Package xdr reads and writes the data representation of ONC RPC (RFC 4506).
//
// It owns the encoding and its bounds, not what is said with it. What is read comes from a server
// that is not trusted: every length is checked against what the caller allows before memory is
// taken for it, and after the first error everything reads as zero.
package xdr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed is wrapped by the errors of what is no sound encoding.
var ErrMalformed = errors.New("malformed answer")

// Decoder reads from one message. Its methods return zero values once there was an error.
type Decoder struct {
	r       io.Reader
	err     error
	scratch [8]byte
}

// NewDecoder returns a Decoder of the message that r holds to its end.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{r: r} }

// Err returns the first error: ErrMalformed, or that of the reader.
func (d *Decoder) Err() error { return d.err }

// Fail makes err the error if there is none yet.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Malformed is Fail with an ErrMalformed that says what is wrong.
func (d *Decoder) Malformed(format string, args ...any) {
	d.Fail(fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...)))
}

// Fixed fills p.
func (d *Decoder) Fixed(p []byte) {
	if d.err == nil {
		_, err := io.ReadFull(d.r, p)
		switch {
		case err == nil:
			return
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			d.Malformed("it ends too early")
		default:
			d.err = err
		}
	}
	clear(p)
}

// Uint32 reads an unsigned integer.
func (d *Decoder) Uint32() uint32 {
	d.Fixed(d.scratch[:4])
	return binary.BigEndian.Uint32(d.scratch[:4])
}

// Uint64 reads an unsigned hyper integer.
func (d *Decoder) Uint64() uint64 {
	d.Fixed(d.scratch[:8])
	return binary.BigEndian.Uint64(d.scratch[:8])
}

// Bool reads a boolean.
func (d *Decoder) Bool() bool {
	v := d.Uint32()
	if v > 1 {
		d.Malformed("a boolean is %d", v)
	}
	return v == 1 && d.err == nil
}

// length reads a length of limit at most.
func (d *Decoder) length(limit int, what string) int {
	n := d.Uint32()
	if int64(n) > int64(limit) {
		d.Malformed("%s has %d bytes, and at most %d are allowed", what, n, limit)
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// pad skips what fills n bytes up to a multiple of four.
func (d *Decoder) pad(n int) { d.Fixed(d.scratch[:-n&3]) }

// Opaque reads variable-length data of limit bytes at most; what is its name in an error.
func (d *Decoder) Opaque(limit int, what string) []byte {
	n := d.length(limit, what)
	if n == 0 {
		return nil
	}
	p := make([]byte, n)
	d.Fixed(p)
	d.pad(n)
	if d.err != nil {
		return nil
	}
	return p
}

// String is Opaque as a string.
func (d *Decoder) String(limit int, what string) string { return string(d.Opaque(limit, what)) }

// Into reads variable-length data into p and returns its length, which may be less than that of p.
func (d *Decoder) Into(p []byte, what string) int {
	n := d.length(len(p), what)
	d.Fixed(p[:n])
	d.pad(n)
	if d.err != nil {
		return 0
	}
	return n
}

// Skip passes over n bytes.
func (d *Decoder) Skip(n int) {
	for n > 0 && d.err == nil {
		k := min(n, len(d.scratch))
		d.Fixed(d.scratch[:k])
		n -= k
	}
}

// SkipOpaque passes over variable-length data of limit bytes at most.
func (d *Decoder) SkipOpaque(limit int, what string) {
	n := d.length(limit, what)
	d.Skip(n)
	d.pad(n)
}

// Count reads the number of elements of an array, limit at most.
func (d *Decoder) Count(limit int, what string) int {
	n := d.Uint32()
	if int64(n) > int64(limit) {
		d.Malformed("there are %d %s, and at most %d are allowed", n, what, limit)
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// Encoder writes a message; its bytes are appended to B.
type Encoder struct{ B []byte }

// Uint32 writes unsigned integers.
func (e *Encoder) Uint32(values ...uint32) {
	for _, v := range values {
		e.B = binary.BigEndian.AppendUint32(e.B, v)
	}
}

// Uint64 writes an unsigned hyper integer.
func (e *Encoder) Uint64(v uint64) { e.B = binary.BigEndian.AppendUint64(e.B, v) }

// Fixed writes data of a length that both sides know.
func (e *Encoder) Fixed(p []byte) {
	e.B = append(e.B, p...)
	e.B = append(e.B, make([]byte, -len(p)&3)...)
}

// Opaque writes variable-length data.
func (e *Encoder) Opaque(p []byte) {
	e.Uint32(uint32(len(p)))
	e.Fixed(p)
}

// String writes s as variable-length data.
func (e *Encoder) String(s string) { e.Opaque([]byte(s)) }
