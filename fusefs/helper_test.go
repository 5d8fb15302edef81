package fusefs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The process that serves a mount must not touch it. So the tests run the
// server in another process, this same test binary, and steer it by calls over
// its standard input and output; they themselves may use the mount as they like.

const hostEnv = "FUSEFS_TEST_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(hostEnv) == "" {
		os.Exit(m.Run())
	}
	rpc.Register(&Host{servers: make(map[string]*Server)})
	rpc.ServeConn(pipes{os.Stdin, os.Stdout})
}

type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// TestBackup is a backup in memory.
type TestBackup struct {
	Backup
	RealSize     int64
	Seed         uint64
	Data         [][2]int64 // ranges that are not zero
	Damaged      [2]int64   // a range that cannot be read
	Missing      [2]int64   // a range whose object has vanished
	Panics       [2]int64   // a range whose reading panics
	Hanging      [2]int64   // a range that is not answered until Host.Release
	HangOpen     bool       // until Host.Release
	BadNextData  bool
	SliceBytes   int // of the slices a read returns; 0: 12345
	ShortBy      int // bytes by which reads are too short
	MetadataText string
}

func (b *TestBackup) content() []byte {
	data := make([]byte, b.RealSize+8)
	for _, r := range b.Data {
		for off := r[0] &^ 7; off < r[1]; off += 8 {
			binary.LittleEndian.PutUint64(data[off:], (uint64(off)+b.Seed)*0x9E3779B97F4A7C15|1)
		}
		clear(data[r[1]:min(int64(len(data)), r[1]+8)])
	}
	return data[:b.RealSize]
}

// Away takes the share away, or brings it back.
func (h *Host) Away(away *bool, _ *struct{}) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = *away
	return nil
}

// Stats are counts of what happened in the host.
type Stats struct {
	Opens, Closes, Reads, SliceCalls, Releases, Cancelled, Waiting int64
	ReadBytes                                                      int64
	Goroutines, FDs                                                int
	Log                                                            []string
}

// Host serves mounts; it is the server's side of the tests.
type Host struct {
	mu      sync.Mutex
	servers map[string]*Server
	log     bytes.Buffer
	gate    chan struct{}
	away    bool // the share cannot be reached

	list     []Backup
	backups  map[string]*TestBackup
	contents map[string][]byte

	opens, closes, reads, sliceCalls, releases, cancelled, waiting, readBytes atomic.Int64
}

type MountArgs struct {
	Mountpoint string
	AllowOther bool
	Owner      *Owner
	Mode       fs.FileMode
	Avoid      []string
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
		AllowOther: a.AllowOther, Owner: a.Owner, Mode: a.Mode, Avoid: a.Avoid,
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

// Release answers the reads that hang.
func (h *Host) Release(_ *struct{}, _ *struct{}) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.gate)
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
		Cancelled: h.cancelled.Load(), Waiting: h.waiting.Load(), ReadBytes: h.readBytes.Load(),
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

func (h *Host) Size(_ context.Context, id string) (int64, error) {
	m, err := h.find(id)
	if err != nil {
		return 0, err
	}
	return m.Size(), nil
}

func (h *Host) Metadata(_ context.Context, id string) ([]byte, error) {
	m, err := h.find(id)
	if err != nil {
		return nil, err
	}
	return []byte(m.b.MetadataText), nil
}

func (h *Host) Open(ctx context.Context, id string) (Volume, error) {
	m, err := h.find(id)
	if err != nil {
		return nil, err
	}
	if m.b.HangOpen {
		if err := m.hang(ctx); err != nil {
			return nil, err
		}
	}
	h.opens.Add(1)
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

// remote is the tests' side of a host process.
type remote struct {
	t      testing.TB
	client *rpc.Client
	cmd    *exec.Cmd
	stderr bytes.Buffer
	mnt    string
	killed bool
}

func needMount(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	f, err := os.OpenFile(devFuse, os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs %s: %v", devFuse, err)
	}
	f.Close()
}

// startHost starts a host process. It is stopped, and checked, at the end of the test.
func startHost(t testing.TB, setup func(*exec.Cmd)) *remote {
	t.Helper()
	needMount(t)
	r := &remote{t: t}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(exe)
	r.cmd.Env = append(os.Environ(), hostEnv+"=1", "GORACE=atexit_sleep_ms=10")
	r.cmd.Stderr = &r.stderr
	if setup != nil {
		setup(r.cmd)
	}
	in, err := r.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.client = rpc.NewClient(pipes{out, in})
	t.Cleanup(func() {
		r.client.Close()
		err := r.cmd.Wait()
		if !r.killed && (err != nil || r.stderr.Len() > 0) {
			t.Errorf("the server's process ended with %v:\n%s", err, r.stderr.String())
		}
	})
	return r
}

// mounted starts a host that has the backups mounted at r.mnt. At the end of
// the test they are unmounted, and nothing may be left.
func mounted(t testing.TB, backups ...TestBackup) *remote {
	t.Helper()
	r := startHost(t, nil)
	r.call("Set", &backups, nil)
	r.mnt = mountpoint(t)
	r.call("Mount", &MountArgs{Mountpoint: r.mnt}, nil)
	t.Cleanup(func() {
		if r.killed || t.Failed() {
			return
		}
		r.call("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: 5 * time.Second}, nil)
		if s := r.stats(); s.Opens != s.Closes || s.SliceCalls != s.Releases {
			t.Errorf("left open or pinned: %+v", s)
		}
	})
	return r
}

// mountpoint returns an empty directory from which, at the end of the test,
// whatever is still mounted is detached.
func mountpoint(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i := 0; ; i++ {
			mounts, err := readMountInfo()
			if err != nil || mountAt(mounts, dir) == nil || i == 5 {
				return
			}
			if i == 0 && !t.Failed() {
				t.Errorf("%s is still mounted", dir)
			}
			detach(dir)
		}
	})
	return dir
}

func (r *remote) try(method string, args, reply any) error {
	r.t.Helper()
	if args == nil {
		args = &struct{}{}
	}
	if reply == nil {
		reply = &struct{}{}
	}
	select {
	case c := <-r.client.Go("Host."+method, args, reply, make(chan *rpc.Call, 1)).Done:
		return c.Error
	case <-time.After(20 * time.Second):
		r.cmd.Process.Signal(syscall.SIGQUIT) // its stacks say why
		return errors.New("the server does not answer")
	}
}

func (r *remote) call(method string, args, reply any) {
	r.t.Helper()
	if err := r.try(method, args, reply); err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
}

func (r *remote) stats() (s Stats) {
	r.t.Helper()
	r.call("Stats", nil, &s)
	return s
}

func (r *remote) path(elem ...string) string {
	return filepath.Join(append([]string{r.mnt}, elem...)...)
}

func (r *remote) kill() {
	r.killed = true
	r.cmd.Process.Kill()
	r.cmd.Process.Wait()
}

// eventually waits for something to become true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// output runs a program and returns its standard output; its standard error is the error.
func output(t testing.TB, name string, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", name, err, stderr.String())
	}
	return out, nil
}

const (
	idA  = "11111111-aaaa-4aaa-8aaa-000000000001"
	idB  = "22222222-bbbb-4bbb-8bbb-000000000002"
	idC  = "33333333-cccc-4ccc-8ccc-000000000003"
	volX = "99999999-0000-4000-8000-00000000000a"
	volY = "99999999-0000-4000-8000-00000000000b"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// sample is a backup of a bit more than 6 MiB with holes.
func sample(id string) TestBackup {
	const size = 6<<20 + 777
	return TestBackup{
		Backup:       Backup{ID: id, VolumeID: volX, VolumeName: "web", CreatedAt: noon, Size: size},
		RealSize:     size,
		Seed:         uint64(id[0]),
		Data:         [][2]int64{{0, 1 << 20}, {3<<20 + 4096, 4 << 20}, {4 << 20, 5 << 20}, {6 << 20, size}},
		MetadataText: `{"id": "` + id + `"}` + "\n",
	}
}
