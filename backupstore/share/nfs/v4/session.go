package v4

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

const (
	// maxSlots is how many calls a session may have under way.
	maxSlots = 64
	// maxRenewals is how many sessions one call is tried in.
	maxRenewals = 8

	sessionIDBytes = 16
	verifierBytes  = 8
)

// session is a session of version 4.1.
type session struct {
	id    [sessionIDBytes]byte
	owner uint64 // the client's id
	slots int
	free  chan *slot
	back  atomic.Uint64 // how many slots were given back
	gone  chan struct{} // closed when the session is of no use any more
	once  sync.Once
}

// slot is a place for one call at a time.
type slot struct {
	of     *session
	number uint32
	next   uint32 // sequence id of its next use
}

func (s *session) end() { s.once.Do(func() { close(s.gone) }) }

// used gives a slot back that the server has seen a call in.
func (s *slot) used() {
	s.next++
	s.unused()
}

// unused gives a slot back that the server has seen no call in.
func (s *slot) unused() {
	s.of.back.Add(1)
	s.of.free <- s
}

// errSession says that a call was not executed because its session is gone.
var errSession = errors.New("the session with the server is gone")

// compound makes a COMPOUND: in version 4.1 in a session, which is made anew if it is gone. All of
// it takes as long as the policy says at most.
func (c *Client) compound(ctx context.Context, ops ...op) error {
	if c.minor == 0 {
		return c.call(ctx, time.Time{}, ops...)
	}
	w := c.patience()
	defer w.over.Stop()
	for try := 1; ; try++ {
		s, err := c.session(ctx, w)
		if err == nil {
			if err = c.in(ctx, s, w, ops); errors.Is(err, errSession) {
				c.lose(s)
			}
		}
		if !errors.Is(err, errSession) && !errors.Is(err, proto.RetryUncachedRep) {
			return err
		}
		if try == maxRenewals {
			return err
		}
		if try > 1 {
			if err := c.policy.Pause(ctx, try-1); err != nil {
				return err
			}
		}
	}
}

// take takes a slot. If none comes back for as long as a connection may be silent, the session is
// of no use: each slot is held by a call without an answer, which its caller may have given up.
func (c *Client) take(ctx context.Context, s *session, w *wait) (*slot, error) {
	select {
	case sl := <-s.free:
		return sl, nil
	default:
	}
	silence := time.NewTimer(c.policy.Silence())
	defer silence.Stop()
	for back := s.back.Load(); ; back = s.back.Load() {
		select {
		case sl := <-s.free:
			return sl, nil
		case <-s.gone:
			return nil, errSession
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.over.C:
			return nil, &share.TimeoutError{After: c.policy.Limit()}
		case <-silence.C:
			if s.back.Load() == back {
				return nil, errSession
			}
			silence.Reset(c.policy.Silence())
		}
	}
}

// in makes a COMPOUND in a session. The error wraps errSession if the session is of no use.
func (c *Client) in(ctx context.Context, s *session, w *wait, ops []op) error {
	sl, err := c.take(ctx, s, w)
	if err != nil {
		return err
	}
	seen, putOff := false, false
	ops = append([]op{sl.sequence(&seen)}, ops...)
	request := rpc.Request{
		Program: program, Version: version, Procedure: procCompound, Args: encode(c.minor, ops),
		Decode: func(d *xdr.Decoder) error {
			seen = false // an answer that broke off may have said otherwise
			return decode(d, ops)
		},
		Late: func(err error) {
			switch {
			case errors.Is(err, rpc.ErrUnsent) && !putOff:
				sl.unused()
			case err == nil:
				sl.used()
			default:
				c.lose(s)
			}
		},
		Until: w.until,
	}
	short := time.Until(w.until) < c.policy.Silence()
	err = c.rpc.Call(ctx, request)
	for try := 1; !seen && errors.Is(err, proto.Jukebox); try++ {
		// The server may be executing it, if a connection that broke brought it before. Another
		// call in this slot would be taken for it, and get its answer (RFC 8881, section 15.1.1.3).
		putOff = true
		if err := c.again(ctx, try, w); err != nil {
			c.lose(s)
			return err
		}
		err = c.rpc.Call(ctx, request)
	}
	var status proto.Status
	switch {
	case share.Away(err) && !short:
		c.lose(s) // an answer that is due for so long may never come, and its slot not come back
		return err
	case abandoned(ctx, err):
		return err // Late has the slot
	case seen:
		sl.used()
		return err
	case errors.Is(err, proto.RetryUncachedRep):
		// It was executed, before the connection broke, and its answer is gone.
		sl.used()
		return err
	case errors.As(err, &status):
		sl.unused()
		return sessionError(err)
	}
	// Not in the slot's order: it may have been executed before the connection broke, or be under
	// way there still. That goes for a *rpc.Rejection too, which may be about its repetition.
	c.lose(s)
	return err
}

func abandoned(ctx context.Context, err error) bool {
	var late *share.TimeoutError
	return errors.As(err, &late) || ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// sessionError makes an error wrap errSession if a new session helps.
func sessionError(err error) error {
	var status proto.Status
	if errors.As(err, &status) && lost(status) {
		return fmt.Errorf("%w: %w", errSession, err)
	}
	return err
}

// lost reports whether a status of SEQUENCE says that the session is of no use. Expired is none of
// SEQUENCE's, and nfs-ganesha answers it until it has forgotten a client whose lease has expired.
func lost(status proto.Status) bool {
	switch status {
	case proto.BadSession, proto.DeadSession, proto.BadSlot, proto.BadHighSlot, proto.SeqMisordered,
		proto.SeqFalseRetry, proto.ConnNotBound, proto.StaleClientID, proto.Expired:
		return true
	}
	return false
}

// sequence is the operation that begins each call in a session. seen becomes true when the server
// has counted it.
func (s *slot) sequence(seen *bool) op {
	id, next := s.of.id, s.next
	return op{
		code: opSequence,
		args: func(e *xdr.Encoder) {
			e.Fixed(id[:])
			e.Uint32(next, s.number, uint32(s.of.slots-1), 0) // the answer need not be cached
		},
		result: func(d *xdr.Decoder) {
			var got [sessionIDBytes]byte
			d.Fixed(got[:])
			seq, number := d.Uint32(), d.Uint32()
			d.Skip(3 * 4) // highest slots, status flags: there is no state that they could be about
			if d.Err() == nil && (got != id || seq != next || number != s.number) {
				d.Malformed("the answer belongs to another slot")
			}
			*seen = d.Err() == nil
		},
	}
}

// lose forgets a session.
func (c *Client) lose(s *session) {
	s.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == s {
		c.now = nil
	}
}

// session returns the present session. One caller at a time makes one; if it gives up, another
// takes its turn. None waits longer for another than w says.
func (c *Client) session(ctx context.Context, w *wait) (*session, error) {
	for {
		c.mu.Lock()
		now, making := c.now, c.making
		mine := now == nil && making == nil
		if mine {
			making = make(chan struct{})
			c.making = making
		}
		c.mu.Unlock()
		switch {
		case now != nil:
			return now, nil
		case mine:
			s, err := c.establish(ctx, w)
			c.mu.Lock()
			c.now, c.making = s, nil
			c.mu.Unlock()
			close(making)
			return s, err
		}
		select {
		case <-making:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.over.C:
			return nil, &share.TimeoutError{After: c.policy.Limit()}
		}
	}
}

// leaving is how long taking leave may take.
const leaving = 250 * time.Millisecond

// leave tells the server that the session is not needed any more, and nor is what it knows of this
// client. Without that both remain until the lease expires, so it does not matter if it fails.
func (c *Client) leave() {
	c.mu.Lock()
	s := c.now
	c.now = nil
	c.mu.Unlock()
	if s == nil || !c.rpc.Idle() {
		return
	}
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), leaving)
	defer cancel()
	whole := time.Time{}
	err := c.call(ctx, whole, op{
		code: opDestroySession, args: func(e *xdr.Encoder) { e.Fixed(s.id[:]) },
	})
	if err == nil {
		c.call(ctx, whole, op{
			code: opDestroyClientID, args: func(e *xdr.Encoder) { e.Uint64(s.owner) },
		})
	}
}

// ownerName is the name of a client: nobody else has it.
func ownerName() string {
	var id [16]byte
	rand.Read(id[:])
	return "restorefs " + hex.EncodeToString(id[:])
}

// establish makes a session (RFC 8881, section 2.10). The verifier is another one each time, as if
// the client had started again: there is nothing on the server that could be kept.
func (c *Client) establish(ctx context.Context, w *wait) (*session, error) {
	var clientID uint64
	var sequence uint32
	var verifier [verifierBytes]byte
	rand.Read(verifier[:])
	err := c.call(ctx, w.until, op{
		code: opExchangeID,
		args: func(e *xdr.Encoder) {
			e.Fixed(verifier[:])
			e.String(c.owner)
			e.Uint32(0, 0, 0) // no flags, no protection of state, no name of the implementation
		},
		result: func(d *xdr.Decoder) { clientID, sequence = decodeExchangeID(d) },
	})
	if err != nil {
		return nil, sessionError(err)
	}
	s := &session{owner: clientID, gone: make(chan struct{})}
	var most int64
	err = c.call(ctx, w.until, op{
		code:   opCreateSession,
		args:   func(e *xdr.Encoder) { encodeCreateSession(e, clientID, sequence) },
		result: func(d *xdr.Decoder) { s.slots, most = decodeCreateSession(d, &s.id) },
	})
	if err != nil {
		return nil, sessionError(err)
	}
	if s.slots < 1 || most < answerBytes+4<<10 {
		return nil, errors.New("the server allows answers of 4 KiB at most, " +
			"too short to read files")
	}
	c.maxSent.Store(most)
	s.free = make(chan *slot, s.slots)
	for i := range s.slots {
		s.free <- &slot{of: s, number: uint32(i), next: 1}
	}
	// Servers may refuse calls until a client has said that it had nothing before.
	err = c.in(ctx, s, w, []op{{
		code: opReclaimComplete, args: func(e *xdr.Encoder) { e.Uint32(0) },
	}})
	if err != nil && !errors.Is(err, proto.CompleteAlready) {
		return nil, err
	}
	return s, nil
}

func decodeExchangeID(d *xdr.Decoder) (clientID uint64, sequence uint32) {
	const maxOpaque = 1 << 10
	clientID, sequence = d.Uint64(), d.Uint32()
	d.Uint32() // flags
	if how := d.Uint32(); how != 0 && d.Err() == nil {
		d.Malformed("the server protects state, which was not asked for")
	}
	d.Uint64()
	d.SkipOpaque(maxOpaque, "the name of the server")
	d.SkipOpaque(maxOpaque, "the scope of the server")
	if d.Count(1, "names of the server's program") == 1 {
		d.SkipOpaque(maxOpaque, "the domain of the server's program")
		d.SkipOpaque(maxOpaque, "the name of the server's program")
		d.Skip(12)
	}
	return clientID, sequence
}

func encodeCreateSession(e *xdr.Encoder, clientID uint64, sequence uint32) {
	const most, cached, ops = proto.MaxRead + answerBytes, 4 << 10, 16
	e.Uint64(clientID)
	e.Uint32(sequence, 0)
	e.Uint32(0, 64<<10, most, cached, ops, maxSlots, 0) // what this client sends
	e.Uint32(0, 4<<10, 4<<10, 0, 2, 1, 0)               // what the server may send: it never does
	e.Uint32(0, 1, 0)                                   // its program, and AUTH_NONE for that
}

// decodeCreateSession returns how many slots there are, and the length of the longest answer.
func decodeCreateSession(d *xdr.Decoder, id *[sessionIDBytes]byte) (slots int, most int64) {
	d.Fixed(id[:])
	d.Uint32() // sequence
	d.Uint32() // flags
	d.Skip(2 * 4)
	most = int64(min(d.Uint32(), proto.MaxRead+answerBytes))
	d.Skip(2 * 4)
	slots = int(min(d.Uint32(), maxSlots))
	d.Skip(4 * d.Count(1, "limits of RDMA"))
	return slots, most // what follows is about calls of the server's
}
