package rpc

import (
	"cmp"
	"net"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// receive decodes answers until the connection ends.
func (l *lane) receive(conn net.Conn, answered *bool) error {
	var now *call // whose answer is being received
	s := &stream{conn: conn, heard: l.hear}
	s.interrupted = func() error { return l.interrupted(conn, now) }
	for {
		rec := &record{s: s, limit: l.c.o.MaxRecord}
		if err := rec.begin(); err != nil {
			return err
		}
		d := xdr.NewDecoder(rec)
		xid, kind := d.Uint32(), d.Uint32()
		if d.Err() != nil {
			return cmp.Or(rec.broken, error(errFraming))
		}
		if kind == msgReply {
			now = l.claim(xid)
		}
		var err error
		if now != nil {
			rec.abandoned = now.abandoned.Load
			err = now.decode(d)
			l.release(now)
		}
		broken := rec.discard()
		if now != nil {
			*answered = *answered || broken == nil
			l.answer(now, err, broken)
		}
		now = nil
		if broken != nil {
			return broken
		}
	}
}

func (l *lane) hear() {
	now := time.Now()
	l.mu.Lock()
	l.heard = now
	l.mu.Unlock()
}

// interrupted ends the deadline that interrupted a read. It returns an error if it was set for the
// call whose answer is being received.
func (l *lane) interrupted(conn net.Conn, now *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if now != nil && now.receiving && now.abandoned.Load() {
		return errAbandoned
	}
	return nil
}

// claim finds the call that an answer belongs to. It returns nil if nobody waits for it.
func (l *lane) claim(xid uint32) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.pending[xid]
	if k == nil || !k.sent {
		return nil
	}
	if !k.abandoned.Load() {
		k.receiving = true
		k.released = make(chan struct{})
	}
	return k
}

// release says that the answer has been decoded.
func (l *lane) release(k *call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.receiving {
		k.receiving = false
		close(k.released)
	}
}

// answer ends a call with its answer, which was decoded with err. If the connection broke in the
// middle of it, the call remains, to be sent again.
func (l *lane) answer(k *call, err, broken error) {
	l.mu.Lock()
	mine := l.pending[k.xid] == k && broken == nil
	if mine {
		delete(l.pending, k.xid)
		if k.abandoned.Load() {
			l.abandoned--
			err = nil
		}
	}
	if broken == nil {
		l.last, l.failures = nil, 0
	}
	l.mu.Unlock()
	if broken == nil {
		l.c.reached.Store(true)
	}
	if mine {
		k.settle(err)
	}
}
