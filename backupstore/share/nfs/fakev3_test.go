package nfs

// attr writes a fattr3.
func (s *fakeServer) attr(w *out, n *fakeNode) {
	w.u32(n.kind, 0o644, 1, 0, 0).u64(uint64(len(n.data))).u64(uint64(len(n.data))).u32(0, 0)
	w.u64(s.fsid).u64(n.id).u32(n.mtime, 0, n.mtime, 5, n.mtime, uint32(n.change))
}

// v3 executes a procedure of NFS version 3.
func (s *fakeServer) v3(proc uint32, r *in, w *out, f fault) {
	n := s.node(r.bytes())
	status := f.status
	if n == nil && status == 0 {
		status = 70
	}
	switch proc {
	case 1:
		if w.u32(status); status == 0 {
			s.attr(w, n)
		}
	case 3:
		s.lookup3(n, string(r.bytes()), w, status)
	case 5:
		if w.u32(status, 0); status == 0 {
			w.bytes(n.data)
		}
	case 6:
		s.read3(n, r, w, status, f.short)
	case 17:
		s.readDir3(n, r, w, status)
	case 19:
		if w.u32(status, 0); status == 0 {
			w.u32(uint32(s.most), uint32(s.most), 1, 0, 0, 0, 1<<16).u64(1<<62).u32(0, 1, 0x1b)
		}
	default:
		s.t.Errorf("procedure %d is called", proc)
	}
}

func (s *fakeServer) lookup3(dir *fakeNode, name string, w *out, status uint32) {
	if status == 0 && dir.kids[name] == nil {
		status = 2
	}
	if w.u32(status); status != 0 {
		w.u32(0)
		return
	}
	n := dir.kids[name]
	w.bytes(s.handle(n)).u32(1)
	s.attr(w, n)
	w.u32(0)
}

// part is what a READ gives of a file.
func (s *fakeServer) part(n *fakeNode, off uint64, count uint32, short bool) ([]byte, bool) {
	size := uint64(len(n.data))
	if off > size {
		off = size
	}
	end := min(off+uint64(min(count, uint32(s.most))), size)
	if short && end-off > 1 {
		end = off + (end-off)/2
	}
	return n.data[off:end], end == size
}

func (s *fakeServer) read3(n *fakeNode, r *in, w *out, status uint32, short bool) {
	off, count := r.u64(), r.u32()
	if status != 0 {
		w.u32(status, 0)
		return
	}
	w.u32(0, 1)
	s.attr(w, n)
	p, end := s.part(n, off, count, short)
	w.u32(uint32(len(p)))
	if end {
		w.u32(1)
	} else {
		w.u32(0)
	}
	w.bytes(p)
}

func (s *fakeServer) readDir3(n *fakeNode, r *in, w *out, status uint32) {
	from := r.u64()
	if status != 0 {
		w.u32(status, 0)
		return
	}
	s.attr(w.u32(0, 1), n)
	w.u64(0)
	names := append([]string{".", ".."}, n.names...)
	end := min(len(names), int(from)+s.perPage)
	for i := int(from); i < end; i++ {
		kid := n.kids[names[i]]
		if kid == nil {
			kid = n
		}
		w.u32(1).u64(kid.id).bytes([]byte(names[i])).u64(uint64(i + 1))
		if kid.bare {
			w.u32(0, 0)
			continue
		}
		w.u32(1)
		s.attr(w, kid)
		w.u32(1).bytes(s.handle(kid))
	}
	w.u32(0)
	if end == len(names) {
		w.u32(1)
	} else {
		w.u32(0)
	}
}
