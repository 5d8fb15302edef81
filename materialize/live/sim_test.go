package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
)

// power is what the device and the state file of a machine have in common: it goes in the middle of
// an operation.
type power struct {
	mu     sync.Mutex
	random *rand.Rand
	ops    int // writes and syncs so far
	cutAt  int // the operation at which it goes; 0: never
	dead   bool
	fault  func(m *medium, what string) error
}

var errDead = errors.New("there is no power")

// medium is a disk that keeps of what was not synced any sectors.
type medium struct {
	*power
	name        string
	now, stable []byte
	pending     []simWrite
}

type simWrite struct {
	off  int64
	data []byte
}

// step counts an operation, with mu held.
func (m *medium) step(what string) error {
	if m.dead {
		return errDead
	}
	if m.fault != nil {
		if err := m.fault(m, what); err != nil {
			return err
		}
	}
	m.ops++
	m.dead = m.ops == m.cutAt
	return nil
}

func (m *medium) write(p []byte, off int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("write"); err != nil {
		return err
	}
	if end := off + int64(len(p)); off < 0 || end > int64(len(m.now)) {
		return fmt.Errorf("%s: a write of [%d, %d) of %d bytes", m.name, off, end, len(m.now))
	}
	m.pending = append(m.pending, simWrite{off, bytes.Clone(p)})
	copy(m.now[off:], p)
	if m.dead {
		return errDead
	}
	return nil
}

func (m *medium) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("sync"); err != nil {
		return err
	}
	if m.dead {
		return errDead
	}
	m.keep(func() bool { return true })
	return nil
}

// keep makes pending sectors stable that pass, in the order in which they were written.
func (m *medium) keep(pass func() bool) {
	for _, w := range m.pending {
		for at := 0; at < len(w.data); at += 512 {
			if pass() {
				copy(m.stable[w.off+int64(at):], w.data[at:min(at+512, len(w.data))])
			}
		}
	}
	m.pending = nil
}

// restart is the machine coming up again.
func (p *power) restart(media ...*medium) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range media {
		m.keep(func() bool { return p.random.IntN(2) == 0 })
		m.now = bytes.Clone(m.stable)
	}
	p.dead, p.cutAt, p.ops = false, 0, 0
}

// simDevice is a medium as a Device.
type simDevice struct{ *medium }

func (d simDevice) ReadAt(p []byte, off int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	copy(p, d.now[off:off+int64(len(p))])
	return nil
}

func (d simDevice) WriteAt(p []byte, off int64) error { return d.write(p, off) }

func (d simDevice) Zero(off, n int64) error { return d.write(make([]byte, n), off) }

// simFile is a medium as the state file.
type simFile struct{ *medium }

func (f simFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return 0, errDead
	}
	if off >= int64(len(f.now)) {
		return 0, io.EOF
	}
	n := copy(p, f.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f simFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.write(p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f simFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return errDead
	}
	resize := func(b []byte) []byte {
		return append(b[:min(int64(len(b)), size)], make([]byte, max(size-int64(len(b)), 0))...)
	}
	f.now, f.stable, f.pending = resize(f.now), resize(f.stable), nil
	return nil
}

func (f simFile) Size() (int64, error) { return int64(len(f.now)), nil }
func (f simFile) Allocate(int64) error { return nil }
func (f simFile) Close() error         { return nil }

// simBackup is a volume with holes, and damage.
type simBackup struct {
	data    []byte
	align   int
	holes   []Range // in order
	mu      sync.Mutex
	damaged []Range
	away    error // what every read fails with
	reads   int
}

var errBad = errors.New("the backup is damaged there")

// newBackup makes a volume whose bytes are of no block of zeros, but for its holes.
func newBackup(size int64, random *rand.Rand, holes ...Range) *simBackup {
	b := &simBackup{data: make([]byte, size), align: 8 * blockBytes, holes: holes}
	for i := range b.data {
		b.data[i] = byte(random.Uint32() | 1)
	}
	for _, h := range holes {
		clear(b.data[h.Off : h.Off+h.Len])
	}
	return b
}

func (b *simBackup) Size() int64 { return int64(len(b.data)) }
func (b *simBackup) Align() int  { return b.align }

func (b *simBackup) Runs(context.Context) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		half := b.Size()/2 + 777
		if yield(Range{Off: 0, Len: half}, nil) {
			yield(Range{Off: half, Len: b.Size() - half}, nil)
		}
	}
}

func (b *simBackup) ReadAt(ctx context.Context, p []byte, off int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	if b.away != nil {
		return b.away
	}
	for _, d := range b.damaged {
		if off < d.Off+d.Len && d.Off < off+int64(len(p)) {
			return errBad
		}
	}
	copy(p, b.data[off:off+int64(len(p))])
	return ctx.Err()
}

func (b *simBackup) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	for _, h := range b.holes {
		if off >= h.Off && off < h.Off+h.Len {
			off = h.Off + h.Len
		}
		if h.Off > off && h.Off < end {
			return off, h.Off, nil
		}
	}
	if off >= end {
		return end, end, nil
	}
	return off, end, nil
}

func (b *simBackup) Differs(_ context.Context, p []byte, off int64) (out []Range, err error) {
	for at := 0; at < len(p); at += b.align {
		q := p[at:min(at+b.align, len(p))]
		if !bytes.Equal(q, b.data[off+int64(at):][:len(q)]) {
			out = append(out, Range{Off: off + int64(at), Len: int64(len(q))})
		}
	}
	return out, nil
}

func (b *simBackup) setAway(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = err
}

// machine is a device with old bytes on it, and a state file.
type machine struct {
	power  *power
	dev    *medium
	state  *medium
	backup *simBackup
	key    Key
	o      Options
}

func newMachine(backup *simBackup, seed uint64) *machine {
	p := &power{random: rand.New(rand.NewPCG(seed, 99))}
	size := (backup.Size() + 511) / 512 * 512
	old := bytes.Repeat([]byte{0xA5}, int(size))
	return &machine{
		power: p, backup: backup,
		dev:   &medium{power: p, name: "device", now: old, stable: bytes.Clone(old)},
		state: &medium{power: p, name: "state"},
		key: Key{Backup: "b1", Size: backup.Size(), Content: [32]byte{1}, Device: "wwid 1",
			DeviceSize: size},
		o: Options{Damaged: func(err error) bool { return errors.Is(err, errBad) }},
	}
}

func (m *machine) create() (*Volume, error) {
	return create(simFile{m.state}, m.key, Names{}, m.backup, m.backup, simDevice{m.dev}, m.o)
}

func (m *machine) open() (*Volume, error) {
	return open(simFile{m.state}, m.key, m.backup, m.backup, simDevice{m.dev}, m.o)
}
