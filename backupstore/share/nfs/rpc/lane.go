package rpc

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxFailures is how many connections in a row may end with something that is no RPC, or the
	// first ones without an answer, before the calls fail that wait.
	maxFailures = 3
	// maxAbandoned is how many answers for which nobody waits may be outstanding. Then the
	// connection is made anew, which forgets them.
	maxAbandoned = 64
)

// lane is one connection, made anew as often as necessary while there are calls.
type lane struct {
	c    *Client
	wake chan struct{}   // something is to be sent
	ctx  context.Context // ends when the lane is closed
	quit context.CancelFunc

	mu        sync.Mutex
	pending   map[uint32]*call // by xid: not answered
	unsent    []*call          // those that the present connection has not got
	xid       uint32
	abandoned int // calls in pending for which nobody waits
	running   bool
	closed    bool
	conn      net.Conn  // nil: not connected
	heard     time.Time // when the connection was last heard of, or an answer was due again
	last      error     // what went wrong last, nil since the last answer
	failures  int       // connections in a row that were of no use
}

func (l *lane) load() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending)
}

func (l *lane) trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// submit queues a call.
func (l *lane) submit(k *call) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosed
	}
	for l.xid++; l.pending[l.xid] != nil; l.xid++ {
	}
	k.xid = l.xid
	if len(l.pending) == 0 {
		l.heard = time.Now()
	}
	l.pending[k.xid] = k
	l.unsent = append(l.unsent, k)
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start && !l.c.start(l) {
		l.close()
		l.failAll(errClosed)
	}
	l.nudge()
	return nil
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// close ends the lane: its goroutine has the calls fail.
func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	conn := l.conn
	l.mu.Unlock()
	l.quit()
	if conn != nil {
		conn.Close()
	}
}

// settle ends a call, which the caller has taken out of pending.
func (k *call) settle(err error) {
	k.err = err
	close(k.done)
	if k.abandoned.Load() {
		k.late(err)
	}
}

// failAll ends all calls that wait with err.
func (l *lane) failAll(err error) {
	l.mu.Lock()
	all := slices.Collect(maps.Values(l.pending))
	clear(l.pending)
	l.unsent, l.abandoned = nil, 0
	l.mu.Unlock()
	for _, k := range all {
		k.settle(err)
	}
}

// abandon gives a call up and returns err, or its result if that is there. When it returns, nothing
// writes into the caller's memory any more.
func (l *lane) abandon(k *call, err error) error {
	l.mu.Lock()
	if l.pending[k.xid] != k {
		l.mu.Unlock()
		<-k.done
		return k.err
	}
	k.abandoned.Store(true)
	// It is not sent again, so its answer can only come on the connection that has it.
	awaited := k.sent && l.conn != nil && k.Late != nil
	if awaited {
		l.abandoned++
	} else {
		delete(l.pending, k.xid)
	}
	tried := k.tried
	var released chan struct{}
	if k.receiving {
		released = k.released
		l.conn.SetReadDeadline(time.Unix(1, 0))
	}
	if l.abandoned > maxAbandoned && l.conn != nil {
		l.conn.Close()
	}
	l.mu.Unlock()
	switch {
	case !tried:
		k.late(ErrUnsent)
	case !awaited:
		k.late(errHungUp)
	}
	if released != nil {
		<-released
	}
	return err
}

// checkSilence ends the connection if nothing was heard on it for too long while answers are due,
// and returns when to look again.
func (l *lane) checkSilence() time.Duration {
	silence := l.c.o.Policy.Silence()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return silence
	}
	if rest := silence - time.Since(l.heard); rest > 0 {
		return rest
	}
	l.last = errSilent
	l.conn.Close()
	return silence
}

var (
	errSilent = errors.New("the connection was silent, and another one was made")
	errHungUp = errors.New("the server closed the connection")
)

// run connects while there are calls, and returns when the lane is closed.
func (l *lane) run() {
	defer l.failAll(errClosed)
	for try := 0; l.await(); {
		conn, err := l.dial()
		answered := false
		if err == nil {
			answered, err = l.serve(conn)
		}
		if answered {
			try = 0
		}
		l.note(err, answered, conn != nil)
		if l.load() == 0 {
			continue
		}
		try++
		if l.c.o.Policy.Pause(l.ctx, try) != nil {
			return
		}
	}
}

// await waits until there are calls. It returns false if the lane is closed.
func (l *lane) await() bool {
	for {
		l.mu.Lock()
		n, closed := len(l.pending), l.closed
		l.mu.Unlock()
		if n > 0 || closed {
			return !closed
		}
		select {
		case <-l.wake:
		case <-l.ctx.Done():
		}
	}
}

// note remembers why a connection ended, and fails the calls if it is no use to try again.
func (l *lane) note(err error, answered, connected bool) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errHungUp // and no file that ends
	}
	reached := l.c.reached.Load()
	l.mu.Lock()
	if l.last == nil || !errors.Is(err, net.ErrClosed) {
		l.last = err
	}
	if errors.Is(err, errFraming) || !reached && !answered {
		l.failures++
	}
	hopeless := l.failures >= maxFailures || !connected && !reached
	if hopeless {
		l.failures = 0
	}
	// Nobody waits for what was abandoned, so it is not sent again.
	var gone []*call
	for xid, k := range l.pending {
		if k.abandoned.Load() {
			delete(l.pending, xid)
			gone = append(gone, k)
		}
	}
	l.abandoned = 0
	l.mu.Unlock()
	for _, k := range gone {
		k.settle(cmp.Or(err, errHungUp))
	}
	if hopeless {
		l.failAll(err)
	}
}

func (l *lane) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.c.o.Policy.Dialling())
	defer cancel()
	return l.c.o.Dial(ctx)
}

// serve sends and receives until the connection ends.
func (l *lane) serve(conn net.Conn) (answered bool, err error) {
	defer conn.Close()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false, errClosed
	}
	l.conn = conn
	l.heard = time.Now()
	l.unsent = l.unsent[:0]
	for _, k := range l.pending {
		k.sent = false
		l.unsent = append(l.unsent, k)
	}
	slices.SortFunc(l.unsent, func(a, b *call) int { return cmp.Compare(a.xid, b.xid) })
	l.mu.Unlock()

	received := make(chan error, 1)
	l.c.wg.Go(func() { received <- l.receive(conn, &answered) })
	err = l.send(conn, received)
	conn.Close()
	// That this end closed the connection tells nothing where sending failed.
	if receiveErr := <-received; err == nil ||
		receiveErr != nil && !errors.Is(receiveErr, net.ErrClosed) {
		err = receiveErr
	}
	l.mu.Lock()
	l.conn = nil
	l.mu.Unlock()
	return answered, err
}

// send sends what is queued until the connection ends. What received gets is put back.
func (l *lane) send(conn net.Conn, received chan error) error {
	for {
		var batch net.Buffers
		l.mu.Lock()
		for _, k := range l.unsent {
			if !k.sent && !k.abandoned.Load() {
				k.sent, k.tried = true, true
				batch = append(batch, k.message(l.c.o.Credential))
			}
		}
		l.unsent = l.unsent[:0]
		l.mu.Unlock()
		if len(batch) > 0 {
			conn.SetWriteDeadline(time.Now().Add(l.c.o.Policy.Silence()))
			if _, err := batch.WriteTo(conn); err != nil {
				return err
			}
		}
		select {
		case <-l.wake:
		case err := <-received:
			received <- err
			return err
		}
	}
}
