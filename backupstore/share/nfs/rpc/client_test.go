package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// server answers each call with what answer makes of its xid; nil is no answer.
func server(t *testing.T, answer func(n int, xid []byte) []byte) (dial func(context.Context) (net.Conn, error)) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	n := 0
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				for {
					head := make([]byte, 4)
					if _, err := io.ReadFull(conn, head); err != nil {
						return
					}
					call := make([]byte, binary.BigEndian.Uint32(head)&^lastFragment)
					if _, err := io.ReadFull(conn, call); err != nil {
						return
					}
					mu.Lock()
					n++
					reply := answer(n, call[:4])
					mu.Unlock()
					if _, err := conn.Write(reply); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
	}
}

// record is a record of an xid and words.
func recordOf(xid []byte, words ...uint32) []byte {
	var e xdr.Encoder
	e.Uint32(uint32(4+4*len(words)) | lastFragment)
	e.B = append(e.B, xid...)
	e.Uint32(words...)
	return e.B
}

func client(t *testing.T, dial func(context.Context) (net.Conn, error), limit time.Duration) *Client {
	c := New(Options{Dial: dial, Policy: share.Policy{Timeout: limit}})
	t.Cleanup(c.Close)
	return c
}

// call asks for one number.
func number(ctx context.Context, c *Client) (v uint32, err error) {
	err = c.Call(ctx, Request{Program: 1, Version: 2, Procedure: 3, Decode: func(d *xdr.Decoder) error {
		v = d.Uint32()
		return nil
	}})
	return v, err
}

func TestOddAnswersAreErrors(t *testing.T) {
	huge := make([]byte, 8)
	binary.BigEndian.PutUint32(huge, 1<<30|lastFragment)
	for name, test := range map[string]struct {
		answer func(xid []byte) []byte
		says   string
	}{
		"no program":            {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 1) }, "does not offer this service"},
		"other versions":        {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 2, 4, 7) }, "versions 4 to 7"},
		"no procedure":          {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 3) }, "this procedure"},
		"garbage arguments":     {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 4) }, "does not understand"},
		"a failure":             {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 5) }, "failed to execute"},
		"an unknown status":     {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 77) }, "accept_stat is 77"},
		"another RPC":           {func(x []byte) []byte { return recordOf(x, 1, 1, 0, 3, 3) }, "version 2 of RPC"},
		"a bad credential":      {func(x []byte) []byte { return recordOf(x, 1, 1, 1, 1) }, "insecure"},
		"a weak credential":     {func(x []byte) []byte { return recordOf(x, 1, 1, 1, 5) }, "Kerberos"},
		"too short":             {func(x []byte) []byte { return recordOf(x, 1, 0, 0, 0, 0) }, "ends too early"},
		"a verifier too long":   {func(x []byte) []byte { return recordOf(x, 1, 0, 1, 4000, 0, 1) }, "the verifier has 4000"},
		"cut behind the header": {func(x []byte) []byte { return recordOf(x, 1) }, "ends too early"},
		"a record of 1 GiB":     {func([]byte) []byte { return huge }, "does not speak RPC"},
		"nothing but text":      {func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, "does not speak RPC"},
		"a record of 2 bytes":   {func([]byte) []byte { return []byte{0x80, 0, 0, 2, 1, 1} }, "does not speak RPC"},
		"no answer":             {func([]byte) []byte { return nil }, "has not answered"},
		"another's answer":      {func([]byte) []byte { return recordOf([]byte("abcd"), 1, 0, 0, 0, 0, 9) }, "has not answered"},
		"a call":                {func(x []byte) []byte { return recordOf(x, 0, 0, 0, 0, 0, 9) }, "has not answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, server(t, func(_ int, xid []byte) []byte { return test.answer(xid) }), 900*time.Millisecond)
			_, err := number(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), test.says) && !strings.Contains(err.Error(), "no success") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAnAnswerTwiceAndOutOfOrderIsTakenOnce(t *testing.T) {
	var held []byte
	c := client(t, server(t, func(n int, xid []byte) []byte {
		reply := recordOf(xid, 1, 0, 0, 0, 0, binary.BigEndian.Uint32(xid))
		if n%2 == 1 {
			held = reply
			return nil
		}
		return append(append(append([]byte{}, reply...), held...), held...)
	}), 5*time.Second)
	var wg sync.WaitGroup
	for range 50 {
		for range 2 {
			wg.Go(func() {
				if _, err := number(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func TestAServerThatCannotBeReachedIsAnErrorAtOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	c := client(t, NewHost("127.0.0.1").Dialer(ln.Addr().(*net.TCPAddr).Port), time.Minute)
	start := time.Now()
	if _, err := number(t.Context(), c); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
	if time.Since(start) > 20*time.Second {
		t.Error("it was waited for")
	}
}

func TestLateTellsWhatBecameOfACallThatWasGivenUp(t *testing.T) {
	release := make(chan struct{})
	c := client(t, server(t, func(n int, xid []byte) []byte {
		<-release
		return recordOf(xid, 1, 0, 0, 0, 0, 9)
	}), time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	late := make(chan error, 2)
	err := c.Call(ctx, Request{Late: func(err error) { late <- err }})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	close(release)
	if err := <-late; err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := c.Call(ended, Request{Late: func(err error) { late <- err }}); err != nil {
		if err := <-late; err != nil && !errors.Is(err, ErrUnsent) {
			t.Error(err)
		}
	}
}

// Whoever reads a file takes it for one that is too short, which is damage.
func TestAnAnswerThatBreaksOffIsNoEndOfAFile(t *testing.T) {
	answer := recordOf([]byte("abcd"), 1, 0, 0, 0, 0, 9)
	for _, n := range []int{2, 4, 10, len(answer) - 1} {
		c := client(t, func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				theirs.Read(make([]byte, 1<<10))
				theirs.Write(answer[:n])
			}()
			return ours, nil
		}, 900*time.Millisecond)
		_, err := number(t.Context(), c)
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("after %d bytes of an answer: %v", n, err)
		}
	}
}

// mute is a connection on which nothing can be sent.
type mute struct{ net.Conn }

var errMute = errors.New("nothing can be sent")

func (mute) Write([]byte) (int, error) { return 0, errMute }

func TestWhatSendingFailedWithIsTold(t *testing.T) {
	t.Parallel()
	connect := server(t, func(int, []byte) []byte { return nil })
	c := client(t, func(ctx context.Context) (net.Conn, error) {
		conn, err := connect(ctx)
		return mute{conn}, err
	}, time.Minute)
	if err := c.Call(t.Context(), Request{}); !errors.Is(err, errMute) {
		t.Error(err)
	}
}

// Otherwise whoever is to be told waits for an answer on a connection that has not got the request.
func TestLateIsToldOfACallThatIsGivenUpBetweenConnections(t *testing.T) {
	asked := make(chan struct{}, 10)
	connect := server(t, func(n int, xid []byte) []byte {
		asked <- struct{}{}
		if n == 1 {
			return recordOf(xid, 1, 0, 0, 0, 0)
		}
		return nil
	})
	conns, dialling, proceed := make(chan net.Conn, 10), make(chan struct{}, 10), make(chan struct{})
	n := 0
	c := client(t, func(ctx context.Context) (net.Conn, error) {
		if n++; n > 1 {
			dialling <- struct{}{}
			select {
			case <-proceed:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		conn, err := connect(ctx)
		if err == nil {
			conns <- conn
		}
		return conn, err
	}, time.Minute)
	if err := c.Call(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	late, ended := make(chan error, 1), make(chan error, 1)
	go func() { ended <- c.Call(ctx, Request{Late: func(err error) { late <- err }}) }()
	<-asked
	(<-conns).Close()
	<-dialling
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(proceed)
	select {
	case err := <-late:
		if err == nil || errors.Is(err, ErrUnsent) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody says what became of the call")
	}
}

func TestCloseEndsCalls(t *testing.T) {
	c := New(Options{Dial: server(t, func(int, []byte) []byte { return nil })})
	ended := make(chan error)
	go func() {
		_, err := number(context.Background(), c)
		ended <- err
	}()
	time.Sleep(20 * time.Millisecond)
	c.Close()
	if err := <-ended; !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if _, err := number(t.Context(), c); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}
