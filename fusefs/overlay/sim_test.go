package overlay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
)

// disk is a storage that can lose power, be left by a killed process, or fail,
// before or in the middle of any operation.
type disk struct {
	random *rand.Rand
	files  map[string]*simFile // as a running process sees them
	safe   map[string]*simFile // names that are on stable storage

	ops   int // changing operations so far
	fault func(op int, what string) error
	dead  bool
	cutAt int  // the operation at which the power goes, or the process; 0: never
	loses bool // what was not synced (power), not only the operation under way (kill)
	tear  int  // unit that is written whole
}

var errDead = errors.New("there is no power")

// simFile is a file: what everybody sees, what is on stable storage, and what
// lies between.
type simFile struct {
	d       *disk
	name    string
	now     content
	stable  content
	pending []change
}

// content is a sparse file.
type content struct {
	size   int64
	blocks map[int64][]byte // of blockBytes, by number
}

func (c content) clone() content {
	blocks := make(map[int64][]byte, len(c.blocks))
	for i, b := range c.blocks {
		blocks[i] = bytes.Clone(b)
	}
	return content{c.size, blocks}
}

func (c *content) resize(size int64) {
	for i, b := range c.blocks {
		if from := size - i*blockBytes; from < blockBytes {
			clear(b[max(from, 0):])
		}
	}
	c.size = size
}

func (c *content) write(p []byte, off int64) {
	c.size = max(c.size, off+int64(len(p)))
	for len(p) > 0 {
		i, skip := off/blockBytes, off%blockBytes
		if c.blocks[i] == nil {
			if c.blocks == nil {
				c.blocks = map[int64][]byte{}
			}
			c.blocks[i] = make([]byte, blockBytes)
		}
		n := copy(c.blocks[i][skip:], p)
		p, off = p[n:], off+int64(n)
	}
}

func (c *content) read(p []byte, off int64) {
	for len(p) > 0 {
		i, skip := off/blockBytes, off%blockBytes
		n := min(len(p), int(blockBytes-skip))
		if b := c.blocks[i]; b != nil {
			copy(p[:n], b[skip:])
		} else {
			clear(p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// change is an operation that has not been synced.
type change struct {
	off  int64
	data []byte // nil: a new size, off
}

func newDisk(seed uint64) *disk {
	return &disk{random: rand.New(rand.NewPCG(seed, 7)), files: map[string]*simFile{}, safe: map[string]*simFile{}, tear: 512}
}

// step counts an operation; an error says that it does not happen, cut that the
// power goes in the middle of it.
func (d *disk) step(what string) (cut bool, err error) {
	if d.dead {
		return false, errDead
	}
	d.ops++
	if d.fault != nil {
		if err := d.fault(d.ops, what); err != nil {
			return false, err
		}
	}
	if d.ops == d.cutAt {
		d.dead = true
		return true, nil
	}
	return false, nil
}

// restart is the machine or the program coming up again.
func (d *disk) restart() {
	d.dead, d.cutAt, d.fault = false, 0, nil
	if d.loses {
		for name, f := range d.files {
			if d.safe[name] == nil && d.random.IntN(2) == 0 {
				delete(d.files, name)
				continue
			}
			f.lose()
		}
		for name, f := range d.safe {
			if d.files[name] == nil && d.random.IntN(2) == 0 { // its removal was not synced
				d.files[name] = f
				f.lose()
			}
		}
	}
	for _, f := range d.files {
		f.stable, f.pending = f.now.clone(), nil
	}
	d.safe = map[string]*simFile{}
	for name, f := range d.files {
		d.safe[name] = f
	}
}

// lose leaves what is stable, and of what came later any units, of any age.
func (f *simFile) lose() {
	left := f.stable.clone()
	for _, c := range f.pending {
		if c.data == nil {
			if f.d.random.IntN(2) == 0 {
				left.resize(c.off)
			}
			continue
		}
		for i := 0; i < len(c.data); i += f.d.tear {
			if f.d.random.IntN(2) == 0 {
				left.write(c.data[i:min(len(c.data), i+f.d.tear)], c.off+int64(i))
			}
		}
	}
	f.now, f.pending = left, nil
}

func (d *disk) open(name string) (file, error) {
	if f := d.files[name]; f != nil && !d.dead {
		return f, nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (d *disk) create(name string) (file, error) {
	cut, err := d.step("create " + name)
	if err != nil || cut {
		return nil, errors.Join(err, errDead)
	}
	if d.files[name] == nil {
		d.files[name] = &simFile{d: d, name: name}
	}
	return d.files[name], nil
}

func (d *disk) remove(name string) error {
	cut, err := d.step("remove " + name)
	if err != nil || cut {
		return errors.Join(err, errDead)
	}
	delete(d.files, name)
	return nil
}

func (d *disk) sync() error {
	cut, err := d.step("sync the directory")
	if err != nil || cut {
		return errors.Join(err, errDead)
	}
	d.safe = map[string]*simFile{}
	for name, f := range d.files {
		d.safe[name] = f
	}
	return nil
}

func (f *simFile) change(what string, off int64, data []byte) (int, error) {
	cut, err := f.d.step(what + " " + f.name)
	if err != nil {
		return 0, err
	}
	if cut { // a part of it is done: write(2) goes page by page
		end := off/blockBytes*blockBytes + int64(f.d.random.IntN(4)*blockBytes)
		data = data[:max(0, min(int64(len(data)), end-off))]
	}
	if len(data) > 0 {
		f.now.write(data, off)
		// The kernel keeps and writes whole pages.
		for at := off / blockBytes * blockBytes; at < off+int64(len(data)); at += blockBytes {
			page := make([]byte, min(blockBytes, f.now.size-at))
			f.now.read(page, at)
			f.pending = append(f.pending, change{at, page})
		}
	}
	if cut {
		return len(data), errDead
	}
	return len(data), nil
}

func (f *simFile) ReadAt(p []byte, off int64) (int, error) {
	if f.d.dead {
		return 0, errDead
	}
	n := int(max(0, min(int64(len(p)), f.now.size-off)))
	f.now.read(p[:n], off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *simFile) WriteAt(p []byte, off int64) (int, error) { return f.change("write", off, p) }

func (f *simFile) Punch(off, n int64) error {
	_, err := f.change("punch", off, make([]byte, n))
	return err
}

func (f *simFile) Truncate(size int64) error {
	cut, err := f.d.step("truncate " + f.name)
	if err != nil || cut {
		return errors.Join(err, errDead)
	}
	f.now.resize(size)
	f.pending = append(f.pending, change{off: size})
	return nil
}

func (f *simFile) Allocate(off, n int64) error {
	cut, err := f.d.step("allocate " + f.name)
	if err != nil || cut {
		return errors.Join(err, errDead)
	}
	if off+n > f.now.size {
		f.now.resize(off + n)
		f.pending = append(f.pending, change{off: off + n})
	}
	return nil
}

func (f *simFile) Sync() error {
	cut, err := f.d.step("sync " + f.name)
	if err != nil {
		if !errors.Is(err, errDead) {
			// As the kernel: what could not be written is forgotten.
			now := f.now
			f.lose()
			f.stable, f.now = f.now.clone(), now
		}
		return err
	}
	if cut {
		return errDead
	}
	f.stable, f.pending = f.now.clone(), nil
	return nil
}

func (f *simFile) Size() (int64, error) { return f.now.size, nil }

func (f *simFile) Close() error { return nil }

func (f *simFile) NextData(off, end int64) (start, stop int64, err error) {
	for start = off; start < end; start = min(end, roundUp(start+1)) {
		if b := f.now.blocks[start/blockBytes]; b != nil && !allZero(b) {
			return start, min(end, roundUp(start+1)), nil
		}
	}
	return end, end, nil
}

// base is a Base with data and zeros, 32 KiB of each.
type base struct {
	size int64
	bad  [2]int64 // cannot be read
}

var errBad = errors.New("the block is damaged")

func (m *base) zero(off int64) bool { return off/baseUnit%3 == 1 }

const baseUnit = 8 * blockBytes

// pattern has no zeros.
var pattern = func() (p [256 + blockBytes]byte) {
	for i := range p {
		p[i] = byte(i) | 1
	}
	return p
}()

func (m *base) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > m.size {
		return errors.New("read outside of the base")
	}
	if off < m.bad[1] && m.bad[0] < off+int64(len(p)) {
		return errBad
	}
	for len(p) > 0 {
		n := min(int64(len(p)), blockBytes-off%blockBytes)
		if m.zero(off) {
			clear(p[:n])
		} else {
			copy(p[:n], pattern[off/blockBytes*7%256+off%blockBytes:])
		}
		p, off = p[n:], off+n
	}
	return ctx.Err()
}

func (m *base) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	for start = off; start < end; start = min(end, (start/baseUnit+1)*baseUnit) {
		if !m.zero(start) {
			return start, min(end, (start/baseUnit+1)*baseUnit), nil
		}
	}
	return end, end, ctx.Err()
}

func allZero(p []byte) bool { return len(bytes.Trim(p, "\x00")) == 0 }
