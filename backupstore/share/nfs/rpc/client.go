package rpc

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// Options say how to reach a server.
type Options struct {
	// Dial makes a connection.
	Dial func(ctx context.Context) (net.Conn, error)
	// Conns is how many connections there may be; 0 means one.
	Conns int
	// Credential is the encoded credential of each call; nil means AUTH_NONE.
	Credential []byte
	// MaxRecord is the length in bytes of the longest answer; 0 means 64 KiB.
	MaxRecord int
	// Policy says how long is waited.
	Policy share.Policy
}

// Client calls procedures of one server. It is safe for concurrent use.
type Client struct {
	o     Options
	lanes []*lane
	under chan struct{} // one for each Call that waits
	wg    sync.WaitGroup

	// reached says that the server has answered once. Before that, a failure to connect is final:
	// the name of the share may be wrong.
	reached atomic.Bool

	mu     sync.Mutex
	closed bool
}

// busy is how many calls a connection has under way before another one is made.
const busy = 2

// New returns a Client. It connects when it is first used.
func New(o Options) *Client {
	o.Conns = max(1, o.Conns)
	o.MaxRecord = cmp.Or(o.MaxRecord, 64<<10)
	if o.Credential == nil {
		o.Credential = make([]byte, 8)
	}
	c := &Client{o: o, under: make(chan struct{}, o.Policy.MaxStuck())}
	xid := rand.Uint32()
	for range o.Conns {
		l := &lane{c: c, pending: map[uint32]*call{}, wake: make(chan struct{}, 1), xid: xid}
		l.ctx, l.quit = context.WithCancel(context.Background())
		c.lanes = append(c.lanes, l)
		xid += 1 << 24
	}
	return c
}

// Close ends the connections; calls under way fail. It waits for the goroutines, which wait for
// nothing.
func (c *Client) Close() {
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if !was {
		for _, l := range c.lanes {
			l.close()
		}
	}
	c.wg.Wait()
}

// Call executes a request. The error is a *Rejection, xdr.ErrMalformed, that of Request.Decode, of
// the context, or a *share.TimeoutError.
func (c *Client) Call(ctx context.Context, r Request) error {
	wait := c.o.Policy.Limit()
	if !r.Until.IsZero() {
		wait = time.Until(r.Until)
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	select {
	case c.under <- struct{}{}:
	case <-ctx.Done():
		r.late(ErrUnsent)
		return ctx.Err()
	case <-limit.C:
		r.late(ErrUnsent)
		return &share.TimeoutError{After: c.o.Policy.Limit()}
	}
	defer func() { <-c.under }()
	k := &call{Request: r, done: make(chan struct{})}
	l := c.lane()
	if err := l.submit(k); err != nil {
		return err
	}
	silence := time.NewTimer(c.o.Policy.Silence())
	defer silence.Stop()
	for {
		select {
		case <-k.done:
			return k.err
		case <-silence.C:
			silence.Reset(l.checkSilence())
		case <-ctx.Done():
			return l.abandon(k, ctx.Err())
		case <-limit.C:
			return l.abandon(k, &share.TimeoutError{After: c.o.Policy.Limit(), Err: l.trouble()})
		}
	}
}

// lane returns the connection for the next call: the first that is not busy, else the one with the
// fewest calls.
func (c *Client) lane() *lane {
	best, fewest := c.lanes[0], -1
	for _, l := range c.lanes {
		n := l.load()
		if n < busy {
			return l
		}
		if fewest < 0 || n < fewest {
			best, fewest = l, n
		}
	}
	return best
}

// Idle reports whether there is a connection, and no call that somebody waits for.
func (c *Client) Idle() bool {
	connected := false
	for _, l := range c.lanes {
		l.mu.Lock()
		connected = connected || l.conn != nil
		busy := len(l.pending) > l.abandoned
		l.mu.Unlock()
		if busy {
			return false
		}
	}
	return connected
}

// start runs a lane's goroutine, unless the Client is closed.
func (c *Client) start(l *lane) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Go(l.run)
	return true
}
