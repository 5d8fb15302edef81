package fusefs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// TestBackup is a backup in memory.
type TestBackup struct {
	Backup
	RealSize     int64
	Seed         uint64
	Data         [][2]int64 // ranges that are not zero
	Table        []byte     // what the disk begins with
	Damaged      [2]int64   // a range that cannot be read
	Missing      [2]int64   // a range whose object does not exist
	Panics       [2]int64   // a range whose reading panics
	Hanging      [2]int64   // a range whose reads hang until Host.Release
	HangOpen     bool       // opening hangs until Host.Release
	BadNextData  bool
	SliceBytes   int // length of the slices that a read returns; 0: 12345
	ShortBy      int // bytes by which reads are too short
	MetadataText string

	Writable bool
	Room     int64 // bytes that may be written, 0: any number
}

func (b *TestBackup) content() []byte {
	data := make([]byte, b.RealSize+8)
	for _, r := range b.Data {
		for off := r[0] &^ 7; off < r[1]; off += 8 {
			binary.LittleEndian.PutUint64(data[off:], (uint64(off)+b.Seed)*0x9E3779B97F4A7C15|1)
		}
		clear(data[r[1]:min(int64(len(data)), r[1]+8)])
	}
	copy(data, b.Table)
	return data[:b.RealSize]
}

// Alone detaches the mounts of other hosts in this host's own mount namespace,
// where a copy would keep them in use.
func (h *Host) Alone(*struct{}, *struct{}) error {
	list, err := readMountInfo()
	for i := range list {
		if m := &list[i]; m.Type == fstype || strings.HasPrefix(m.Source, "/dev/loop") {
			unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
		}
	}
	return err
}

// Away makes the share unreachable, or reachable again.
func (h *Host) Away(away *bool, _ *struct{}) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = *away
	return nil
}

// Stats are counts of what happened in the host.
type Stats struct {
	Opens, Closes, Reads, SliceCalls, Releases, Cancelled, Waiting int64
	ReadBytes, Syncs, Peeks                                        int64
	Goroutines, FDs                                                int
	Log                                                            []string
}

// Host serves mounts, in a process of its own, and is controlled by the tests.
type Host struct {
	mu      sync.Mutex
	servers map[string]*Server
	log     bytes.Buffer
	gate    chan struct{}
	away    bool // the share cannot be reached

	list     []Backup
	backups  map[string]*TestBackup
	contents map[string][]byte

	opens, closes, reads, sliceCalls, releases, cancelled, waiting, readBytes, asked, syncs, written, peeks atomic.Int64

	contentMu sync.Mutex // guards the contents of writable backups
}

type MountArgs struct {
	Mountpoint string
	AllowOther bool
	Owner      *Owner
	Mode       fs.FileMode
	Avoid      []string
	Writable   bool
}

func (h *Host) logWrite(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (h *Host) Mount(a *MountArgs, _ *struct{}) error {
	s, err := Mount(context.Background(), a.Mountpoint, h, Options{
		AllowOther: a.AllowOther, Owner: a.Owner, Mode: a.Mode, Avoid: a.Avoid, Status: h.status, Writable: a.Writable,
		Logger:       slog.New(slog.NewJSONHandler(writerFunc(h.logWrite), nil)),
		entryTimeout: 50 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.servers[a.Mountpoint] = s
	h.mu.Unlock()
	return nil
}

// status returns a text of another length each time.
func (h *Host) status() ([]byte, error) {
	return fmt.Appendf(nil, "{\"asked\": %d}\n", 1<<h.asked.Add(1)), nil
}

type UnmountArgs struct {
	Mountpoint string
	Lazy       bool
	Timeout    time.Duration
}

func (h *Host) Unmount(a *UnmountArgs, _ *struct{}) error {
	h.mu.Lock()
	s := h.servers[a.Mountpoint]
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	return s.Unmount(ctx, UnmountOptions{Lazy: a.Lazy, Logger: s.log})
}

func (h *Host) Wait(mountpoint *string, _ *struct{}) error {
	h.mu.Lock()
	s := h.servers[*mountpoint]
	h.mu.Unlock()
	s.Wait()
	return nil
}

func (h *Host) Set(list *[]TestBackup, _ *struct{}) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list, h.backups, h.contents = nil, make(map[string]*TestBackup), make(map[string][]byte)
	h.gate = make(chan struct{})
	for i := range *list {
		b := &(*list)[i]
		h.list = append(h.list, b.Backup)
		h.backups[b.ID] = b
		h.contents[b.ID] = b.content()
	}
	return nil
}

// Release lets the reads that hang continue.
func (h *Host) Release(_ *struct{}, _ *struct{}) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.gate)
	return nil
}

// Shrink returns unused memory to the system.
func (h *Host) Shrink(*struct{}, *struct{}) error {
	debug.FreeOSMemory()
	return nil
}

func (h *Host) Stats(_ *struct{}, s *Stats) error {
	runtime.GC()
	fds, err := os.ReadDir("/proc/self/fd")
	h.mu.Lock()
	defer h.mu.Unlock()
	*s = Stats{
		Opens: h.opens.Load(), Closes: h.closes.Load(), Reads: h.reads.Load(),
		SliceCalls: h.sliceCalls.Load(), Releases: h.releases.Load(),
		Cancelled: h.cancelled.Load(), Waiting: h.waiting.Load(), ReadBytes: h.readBytes.Load(), Syncs: h.syncs.Load(), Peeks: h.peeks.Load(),
		Goroutines: runtime.NumGoroutine(), FDs: len(fds),
		Log: strings.Split(strings.TrimSpace(h.log.String()), "\n"),
	}
	return err
}

func (h *Host) Backups(context.Context) ([]Backup, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away {
		return nil, errAway
	}
	return h.list, nil
}

func (h *Host) find(id string) (*memory, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away {
		return nil, errAway
	}
	if b := h.backups[id]; b != nil {
		return &memory{h: h, b: b, data: h.contents[id], gate: h.gate}, nil
	}
	return nil, fmt.Errorf("backup %s: %w", id, fs.ErrNotExist)
}

func (h *Host) Metadata(_ context.Context, id string) ([]byte, error) {
	m, err := h.find(id)
	if err != nil {
		return nil, err
	}
	return []byte(m.b.MetadataText), nil
}

func (h *Host) Open(ctx context.Context, id string) (Disk, error) {
	m, err := h.find(id)
	if err != nil {
		return nil, err
	}
	if m.b.HangOpen {
		if err := m.hang(ctx); err != nil {
			return nil, err
		}
	}
	return h.opened(m)
}

// Peek hangs if the start of the disk does, not if HangOpen is set.
func (h *Host) Peek(_ context.Context, id string) (Disk, error) {
	m, err := h.find(id)
	if err != nil {
		return nil, err
	}
	h.peeks.Add(1)
	return h.opened(m)
}

// Digests implements Catalog: there are none.
func (h *Host) Digests(context.Context, string) (Digests, error) { return nil, nil }

// Written implements Catalog.
func (h *Host) Written(id string) bool {
	m, err := h.find(id)
	return err == nil && m.b.Writable
}

func (h *Host) opened(m *memory) (Disk, error) {
	h.opens.Add(1)
	if m.b.Writable {
		return &writableMemory{m}, nil
	}
	return m, nil
}

type memory struct {
	h    *Host
	b    *TestBackup
	data []byte
	gate chan struct{}
}

func (m *memory) Size() int64 { return int64(len(m.data)) }

func (m *memory) Close() error { m.h.closes.Add(1); return nil }

func (m *memory) hang(ctx context.Context) error {
	m.h.waiting.Add(1)
	defer m.h.waiting.Add(-1)
	select {
	case <-m.gate:
		return nil
	case <-ctx.Done():
		m.h.cancelled.Add(1)
		return fmt.Errorf("wait for the block: %w", ctx.Err())
	}
}

var errAway = fmt.Errorf("read the share: %w", os.ErrDeadlineExceeded)

var errDamaged = errors.New("the block does not match its digest")

func (m *memory) Read(ctx context.Context, off int64, n int) (Data, error) {
	m.h.reads.Add(1)
	m.h.readBytes.Add(int64(n))
	hits := func(r [2]int64) bool { return off < r[1] && off+int64(n) > r[0] }
	if hits(m.b.Hanging) {
		if err := m.hang(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case hits(m.b.Panics):
		panic("a bug")
	case hits(m.b.Damaged):
		return nil, fmt.Errorf("object volume-00001 at %d: %w", off, errDamaged)
	case hits(m.b.Missing):
		return nil, fmt.Errorf("object volume-00002: %w", fs.ErrNotExist)
	}
	size := m.b.SliceBytes
	if size == 0 {
		size = 12345
	}
	d := &memoryData{h: m.h}
	for rest := m.data[off : off+int64(n)-int64(m.b.ShortBy)]; len(rest) > 0; {
		k := min(size, len(rest))
		d.slices = append(d.slices, rest[:k])
		rest = rest[k:]
	}
	return d, nil
}

func (m *memory) NextData(_ context.Context, off, end int64) (int64, int64, error) {
	if m.b.BadNextData {
		return 0, 0, errDamaged
	}
	for _, r := range m.b.Data {
		if r[1] > off && r[0] < end {
			return max(off, r[0]), min(end, r[1]), nil
		}
	}
	return end, end, nil
}

type memoryData struct {
	h        *Host
	slices   [][]byte
	released atomic.Bool
}

func (d *memoryData) Slices() [][]byte { d.h.sliceCalls.Add(1); return d.slices }

func (d *memoryData) Release() {
	if d.released.Swap(true) {
		panic("released twice")
	}
	d.h.releases.Add(1)
	clear(d.slices)
}
