package nfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeServer is an NFS server in this process, of a tree in memory. It is written from the RFCs,
// apart from the client, and does what faults ask for.
type fakeServer struct {
	t  testing.TB
	ln net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex
	nodes   map[uint64]*fakeNode
	root    *fakeNode
	epoch   uint64 // a part of each handle
	fsid    uint64
	conns   map[net.Conn]bool
	calls   map[string]int
	fault   func(what string) fault
	most    int  // bytes of a READ
	perPage int  // names in a page of a directory
	noV3    bool // version 3 is not offered
	noV4    bool // nor any version 4
	noV41   bool // nor version 4.1
	most41  int  // bytes of an answer in a session; 0: no limit
	grace   bool // it has just started, and READs of version 4 wait, but for those past all locks
	delays  int  // so many calls in a session are put off
	clients map[uint64]*fakeClient
	nextID  uint64
}

// fakeNode is a file or directory.
type fakeNode struct {
	id     uint64
	kind   uint32 // ftype3
	data   []byte
	names  []string
	kids   map[string]*fakeNode
	mtime  uint32
	bare   bool // attributes are not told with a directory's names
	change uint64
}

// fault is what a server does to one answer.
type fault struct {
	delay  time.Duration
	status uint32 // instead of success
	drop   bool   // no answer
	reset  bool   // the connection ends without an answer
	cut    int    // the connection ends after so many bytes of the answer, if not 0
	split  bool   // the answer comes in many fragments
	short  bool   // a READ gives less than it was asked for
	change func([]byte) []byte
}

func newFakeServer(t testing.TB) *fakeServer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{
		t: t, ln: ln, nodes: map[uint64]*fakeNode{}, conns: map[net.Conn]bool{}, epoch: 1, fsid: 7,
		calls: map[string]int{}, most: 1 << 20, perPage: 10,
		clients: map[uint64]*fakeClient{},
	}
	s.root = s.add(2)
	s.wg.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

func (s *fakeServer) stop() {
	s.ln.Close()
	s.hangUp()
	s.wg.Wait()
}

// hangUp ends all connections.
func (s *fakeServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

func (s *fakeServer) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *fakeServer) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[what]
}

// url is the server as a share, with further options such as "version=3".
func (s *fakeServer) url(options string) string {
	port := s.ln.Addr().(*net.TCPAddr).Port
	return fmt.Sprintf("nfs://127.0.0.1:%d/export?mountport=%d&%s", port, port, options)
}

// add makes a node; the caller has the lock, or is alone.
func (s *fakeServer) add(kind uint32) *fakeNode {
	n := &fakeNode{id: uint64(len(s.nodes) + 100), kind: kind, kids: map[string]*fakeNode{}, mtime: 1700000000}
	s.nodes[n.id] = n
	return n
}

// put makes the file at path, and its directories.
func (s *fakeServer) put(path string, kind uint32, data []byte) *fakeNode {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := s.root
	parts := strings.Split(path, "/")
	for _, name := range parts[:len(parts)-1] {
		if dir.kids[name] == nil {
			dir.names = append(dir.names, name)
			dir.kids[name] = s.add(2)
		}
		dir = dir.kids[name]
	}
	name := parts[len(parts)-1]
	if dir.kids[name] == nil {
		dir.names = append(dir.names, name)
	}
	n := s.add(kind)
	n.data = data
	dir.kids[name] = n
	return n
}

func (s *fakeServer) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.set(func() { s.conns[conn] = true })
		s.wg.Go(func() {
			s.serve(conn)
			conn.Close()
			s.set(func() { delete(s.conns, conn) })
		})
	}
}

// serve answers the calls of a connection, each in a goroutine of its own.
func (s *fakeServer) serve(conn net.Conn) {
	var writing sync.Mutex
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		var head [4]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if n&(1<<31) == 0 || n&^(1<<31) > 1<<20 {
			s.t.Errorf("a call has the head %#x", n)
			return
		}
		call := make([]byte, n&^(1<<31))
		if _, err := io.ReadFull(conn, call); err != nil {
			return
		}
		wg.Go(func() {
			answer, f := s.answer(call)
			send(conn, &writing, answer, f)
		})
	}
}

func send(conn net.Conn, writing *sync.Mutex, answer []byte, f fault) {
	time.Sleep(f.delay)
	if f.change != nil {
		answer = f.change(answer)
	}
	var wire []byte
	for f.split && len(answer) > 1 {
		n := 1 + rand.IntN(min(len(answer)-1, 1+len(answer)/3))
		wire = append(binary.BigEndian.AppendUint32(wire, uint32(n)), answer[:n]...)
		answer = answer[n:]
	}
	wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(answer))|1<<31), answer...)
	writing.Lock()
	defer writing.Unlock()
	switch {
	case f.drop:
	case f.reset:
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	case f.cut > 0:
		conn.Write(wire[:min(f.cut, len(wire))])
		conn.Close()
	default:
		conn.Write(wire)
	}
}

// in is what a call holds.
type in struct{ b []byte }

func (r *in) u32() uint32 {
	if len(r.b) < 4 {
		r.b = nil
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *in) u64() uint64 { return uint64(r.u32())<<32 | uint64(r.u32()) }

func (r *in) bytes() []byte {
	n := int(r.u32())
	padded := (n + 3) / 4 * 4
	if padded > len(r.b) {
		r.b = nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[padded:]
	return p
}

// out is an answer.
type out struct{ b []byte }

func (w *out) u32(values ...uint32) *out {
	for _, v := range values {
		w.b = binary.BigEndian.AppendUint32(w.b, v)
	}
	return w
}

func (w *out) u64(v uint64) *out { return w.u32(uint32(v>>32), uint32(v)) }

func (w *out) bytes(p []byte) *out {
	w.u32(uint32(len(p)))
	w.b = append(w.b, p...)
	for len(w.b)%4 != 0 {
		w.b = append(w.b, 0)
	}
	return w
}

// answer executes a call.
func (s *fakeServer) answer(call []byte) ([]byte, fault) {
	r := &in{call}
	xid := r.u32()
	kind, vers := r.u32(), r.u32()
	prog, progVers, proc := r.u32(), r.u32(), r.u32()
	r.u32()
	r.bytes()
	r.u32()
	r.bytes()
	if kind != 0 || vers != 2 {
		s.t.Errorf("a call is of kind %d, RPC version %d", kind, vers)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	what := fmt.Sprintf("%d.%d.%d", prog, progVers, proc)
	s.calls[what]++
	var f fault
	if s.fault != nil {
		f = s.fault(what)
	}
	w := (&out{}).u32(xid, 1, 0, 0, 0)
	switch {
	case prog == 100005 && progVers == 3 && proc == 1 && !s.noV3:
		s.mount(w.u32(0), f)
	case prog == 100003 && progVers == 3 && !s.noV3:
		s.v3(proc, r, w.u32(0), f)
	case prog == 100003 && progVers == 4 && proc == 1 && !s.noV4:
		s.v4(r, w.u32(0), f)
	case prog == 100003:
		w.u32(2, 3, 3)
	default:
		w.u32(1)
	}
	return w.b, f
}

// handle is a node's handle: it changes with the epoch.
func (s *fakeServer) handle(n *fakeNode) []byte {
	h := make([]byte, 32)
	binary.BigEndian.PutUint64(h, s.epoch)
	binary.BigEndian.PutUint64(h[8:], n.id)
	return h
}

// node is the node of a handle; nil if the handle is stale.
func (s *fakeServer) node(h []byte) *fakeNode {
	if len(h) != 32 || binary.BigEndian.Uint64(h) != s.epoch {
		return nil
	}
	return s.nodes[binary.BigEndian.Uint64(h[8:])]
}

func (s *fakeServer) mount(w *out, f fault) {
	if f.status != 0 {
		w.u32(f.status)
		return
	}
	w.u32(0).bytes(s.handle(s.root)).u32(1, 1)
}
