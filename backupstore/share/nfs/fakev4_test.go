package nfs

import (
	"encoding/binary"
	"fmt"
)

// fakeClient is a client of version 4.1, with its one session.
type fakeClient struct {
	id        uint64
	confirmed bool
	expired   bool // its lease has, and it is not forgotten yet
	session   string
	slots     map[uint32]uint32 // the last sequence id of each
	owed      map[uint32]string // by slot: the call that was put off
}

// forgetSessions is what happens when a lease expires.
func (s *fakeServer) forgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetSessionsLocked()
}

func (s *fakeServer) forgetSessionsLocked() { clear(s.clients) }

// compound is a COMPOUND that is being executed.
type compound struct {
	s       *fakeServer
	r       *in
	w       *out
	f       fault
	current *fakeNode
}

// v4 executes a COMPOUND.
func (s *fakeServer) v4(r *in, w *out, f fault) {
	r.bytes()
	minor, n := r.u32(), r.u32()
	head := len(w.b)
	w.u32(0).bytes(nil).u32(0)
	if minor > 1 || minor == 1 && s.noV41 {
		binary.BigEndian.PutUint32(w.b[head:], 10021)
		return
	}
	c := &compound{s: s, r: r, w: w, f: f}
	var status, done uint32
	for i := uint32(0); i < n && status == 0; i++ {
		op := r.u32()
		at := len(w.b)
		w.u32(op, 0)
		if i == 0 && minor == 1 && op != 53 && op != 42 && op != 43 && op != 44 && op != 57 {
			status = 10071
		} else {
			status = c.execute(op)
		}
		if status != 0 {
			w.b = w.b[:at+8]
			binary.BigEndian.PutUint32(w.b[at+4:], status)
		}
		done++
	}
	if s.most41 > 0 && minor == 1 && len(w.b)+24 > s.most41 && status == 0 {
		s.t.Errorf("an answer has %d bytes, and the session allows %d", len(w.b), s.most41)
	}
	binary.BigEndian.PutUint32(w.b[head:], status)
	binary.BigEndian.PutUint32(w.b[head+8:], done)
}

// execute executes an operation and returns its status.
func (c *compound) execute(op uint32) uint32 {
	s, r, w := c.s, c.r, c.w
	s.calls[fmt.Sprintf("op %d", op)]++
	switch op {
	case 53:
		return c.sequence()
	case 42:
		return c.exchangeID()
	case 43:
		return c.createSession()
	case 44:
		return c.destroySession()
	case 57:
		return c.destroyClient()
	case 58:
		r.u32()
		return 0
	case 24:
		c.current = &fakeNode{kind: 2, id: 1, kids: map[string]*fakeNode{"export": s.root}}
		return 0
	case 22:
		if c.current = s.node(r.bytes()); c.current == nil {
			return 70
		}
		return c.f.status
	}
	if c.current == nil {
		return 10020
	}
	switch op {
	case 15:
		return c.lookup(string(r.bytes()))
	case 10:
		w.bytes(s.handle(c.current))
	case 9:
		c.attrs(c.current, c.bitmap())
	case 27:
		w.bytes(c.current.data)
	case 25:
		first, rest := r.u64(), r.u64() // the stateid
		if s.grace && first&rest != 1<<64-1 {
			return 10013
		}
		p, end := s.part(c.current, r.u64(), r.u32(), c.f.short)
		w.bool(end).bytes(p)
	case 26:
		return c.readDir()
	default:
		s.t.Errorf("operation %d is called", op)
		return 10044
	}
	return 0
}

func (w *out) bool(v bool) *out {
	if v {
		return w.u32(1)
	}
	return w.u32(0)
}

func (c *compound) lookup(name string) uint32 {
	next := c.current.kids[name]
	switch {
	case c.current.kind == 5:
		return 10029
	case c.current.kind != 2:
		return 20
	case next == nil:
		return 2
	}
	c.current = next
	return 0
}

func (c *compound) bitmap() (words []uint32) {
	for range c.r.u32() {
		words = append(words, c.r.u32())
	}
	return words
}

// attrs writes a fattr4.
func (c *compound) attrs(n *fakeNode, words []uint32) {
	var v out
	got := make([]uint32, len(words))
	for a := range uint32(len(words) * 32) {
		if words[a/32]&(1<<(a%32)) == 0 {
			continue
		}
		got[a/32] |= 1 << (a % 32)
		switch a {
		case 1:
			v.u32(n.kind)
		case 3:
			v.u64(n.change)
		case 4:
			v.u64(uint64(len(n.data)))
		case 8:
			v.u64(c.s.fsid).u64(0)
		case 11:
			v.u32(0)
		case 19:
			v.bytes(c.s.handle(n))
		case 20:
			v.u64(n.id)
		case 30:
			v.u64(uint64(c.s.most))
		case 52, 53:
			v.u64(uint64(n.mtime)).u32(uint32(n.change))
		default:
			got[a/32] &^= 1 << (a % 32)
		}
	}
	c.w.u32(uint32(len(got))).u32(got...).bytes(v.b)
}

func (c *compound) readDir() uint32 {
	cookie := c.r.u64()
	c.r.u64()
	c.r.u32()
	c.r.u32()
	words := c.bitmap()
	if c.current.kind != 2 {
		return 20
	}
	from := max(0, int(cookie)-2)
	names := c.current.names
	end := min(len(names), from+c.s.perPage)
	c.w.u64(0)
	for i := from; i < end; i++ {
		kid := c.current.kids[names[i]]
		if kid == nil {
			continue
		}
		c.w.u32(1).u64(uint64(i + 3)).bytes([]byte(names[i]))
		if kid.bare {
			c.w.u32(1, 0).bytes(nil)
		} else {
			c.attrs(kid, words)
		}
	}
	c.w.u32(0).bool(end == len(names))
	return 0
}

func (c *compound) exchangeID() uint32 {
	c.r.u64()
	owner := string(c.r.bytes())
	if len(owner) < 20 {
		return 22
	}
	c.s.nextID++
	c.s.clients[c.s.nextID] = &fakeClient{
		id: c.s.nextID, slots: map[uint32]uint32{}, owed: map[uint32]string{},
	}
	c.w.u64(c.s.nextID).u32(1, 0x10000, 0).u64(0).bytes([]byte("server")).bytes([]byte("scope"))
	c.w.u32(1).bytes([]byte("example.org")).bytes([]byte("fake")).u64(0).u32(0)
	return 0
}

func (c *compound) createSession() uint32 {
	client := c.s.clients[c.r.u64()]
	if client == nil || client.confirmed {
		return 10022
	}
	client.confirmed = true
	client.session = fmt.Sprintf("session %08d", client.id)
	most := uint32(1<<20 + 1024)
	if c.s.most41 > 0 {
		most = uint32(c.s.most41)
	}
	c.w.b = append(c.w.b, client.session...)
	c.w.u32(1, 0)
	c.w.u32(0, 1<<16, most, 4096, 16, 8, 0)
	c.w.u32(0, 4096, 4096, 0, 2, 1, 0)
	return 0
}

func (c *compound) sessionID() string {
	id := string(c.r.b[:16])
	c.r.b = c.r.b[16:]
	return id
}

func (c *compound) destroySession() uint32 {
	id := c.sessionID()
	for _, known := range c.s.clients {
		if known.session == id {
			known.session = ""
			return 0
		}
	}
	return 10052
}

func (c *compound) destroyClient() uint32 {
	id := c.r.u64()
	switch client := c.s.clients[id]; {
	case client == nil:
		return 10022
	case client.session != "":
		return 10074
	}
	delete(c.s.clients, id)
	return 0
}

func (c *compound) sequence() uint32 {
	id := c.sessionID()
	seq, slot, highest := c.r.u32(), c.r.u32(), c.r.u32()
	c.r.u32()
	var client *fakeClient
	for _, known := range c.s.clients {
		if known.session == id {
			client = known
		}
	}
	switch {
	case client == nil:
		return 10052
	case client.expired:
		return 10011
	case slot >= 8 || highest >= 8:
		return 10053
	case seq == client.slots[slot] && slot%2 == 1:
		return 10068
	case seq != client.slots[slot]+1 && seq != client.slots[slot]:
		return 10063
	}
	rest := string(c.r.b)
	if owed, ok := client.owed[slot]; ok && owed != rest {
		c.s.t.Errorf("slot %d is used for another call than the one that was put off", slot)
	}
	delete(client.owed, slot)
	if c.s.delays > 0 {
		c.s.delays--
		client.owed[slot] = rest
		return 10008
	}
	client.slots[slot] = seq
	c.w.b = append(c.w.b, id...)
	c.w.u32(seq, slot, 7, 7, 0)
	return 0
}
