package rpc

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// Request is a call of a procedure.
type Request struct {
	Program, Version, Procedure uint32
	// Args are the encoded arguments. They must not change any more, even when Call has returned.
	Args []byte
	// Decode decodes the results; nil: there are none. It runs in a goroutine of the Client, may
	// run again if the connection breaks, and must not wait for anything but the Decoder.
	Decode func(*xdr.Decoder) error
	// Late, if not nil, is called once if Call returned with the context's error or a
	// *share.TimeoutError: with nil when the answer arrives after all, with ErrUnsent if the
	// request was never sent, or with another error when no answer can arrive any more. It must not
	// block.
	Late func(error)
	// Until is when Call gives up, if the caller has waited for something else before. Zero: when
	// the policy's limit is reached.
	Until time.Time
}

func (r *Request) late(err error) {
	if r.Late != nil {
		r.Late(err)
	}
}

const (
	msgCall  = 0
	msgReply = 1
	rpcVers  = 2
)

// call is a Request under way.
type call struct {
	Request
	xid  uint32
	done chan struct{} // closed when err is the result
	err  error

	abandoned atomic.Bool   // the caller has gone
	receiving bool          // its answer is being decoded; guarded by lane.mu
	released  chan struct{} // closed when that has ended; guarded by lane.mu
	sent      bool          // on the present connection; guarded by lane.mu
	tried     bool          // on any connection; guarded by lane.mu
}

// message returns the call as a record (RFC 5531, sections 9 and 11).
func (c *call) message(cred []byte) []byte {
	e := xdr.Encoder{B: make([]byte, 4, 64+len(cred)+len(c.Args))}
	e.Uint32(c.xid, msgCall, rpcVers, c.Program, c.Version, c.Procedure)
	e.B = append(e.B, cred...)
	e.Uint32(0, 0) // verifier: AUTH_NONE
	e.B = append(e.B, c.Args...)
	head := xdr.Encoder{B: e.B[:0]}
	head.Uint32(uint32(len(e.B)-4) | lastFragment)
	return e.B
}

// decode decodes an answer behind its xid and type.
func (c *call) decode(d *xdr.Decoder) error {
	if err := accepted(d); err != nil {
		return err
	}
	if c.Decode == nil {
		return nil
	}
	err := c.Decode(d)
	if d.Err() != nil {
		return d.Err()
	}
	return err
}

// Rejection says why a server does not execute a call.
type Rejection struct {
	Reason    Reason
	Low, High uint32 // the versions that it has, for ProgramMismatch
	Auth      uint32 // auth_stat, for AuthError
}

// Reason is why a call was rejected.
type Reason int

// The reasons: reject_stat and accept_stat.
const (
	ProgramUnavailable Reason = 1 + iota
	ProgramMismatch
	ProcedureUnavailable
	GarbageArguments
	SystemError
	RPCMismatch
	AuthError
)

// Error implements error.
func (r *Rejection) Error() string {
	switch r.Reason {
	case ProgramUnavailable:
		return "the server does not offer this service"
	case ProgramMismatch:
		return fmt.Sprintf("the server offers versions %d to %d of this service", r.Low, r.High)
	case ProcedureUnavailable:
		return "the server does not know this procedure"
	case GarbageArguments:
		return "the server does not understand the request"
	case SystemError:
		return "the server failed to execute the request"
	case AuthError:
		if r.Auth == 5 { // AUTH_TOOWEAK
			return "the server wants another kind of authentication, probably Kerberos " +
				"(mount the export with the kernel's client and give the directory)"
		}
		return fmt.Sprintf(
			"the server does not accept the user (auth_stat %d; does its export allow "+
				"this host, sec=sys, and ports above 1023, \"insecure\"?)", r.Auth)
	}
	return "the server does not speak version 2 of RPC"
}

// accepted reads the head of an answer. It returns a *Rejection if the call was not executed.
func accepted(d *xdr.Decoder) error {
	if d.Uint32() == 1 { // MSG_DENIED
		if d.Uint32() == 1 { // AUTH_ERROR
			return orMalformed(d, &Rejection{Reason: AuthError, Auth: d.Uint32()})
		}
		return orMalformed(d, &Rejection{Reason: RPCMismatch})
	}
	d.Uint32() // the verifier's flavor
	d.SkipOpaque(400, "the verifier")
	switch stat := d.Uint32(); stat {
	case 0:
		return d.Err()
	case 2:
		return orMalformed(d, &Rejection{Reason: ProgramMismatch, Low: d.Uint32(),
			High: d.Uint32()})
	case 1, 3, 4, 5:
		return orMalformed(d, &Rejection{Reason: Reason(stat)})
	default:
		d.Malformed("accept_stat is %d", stat)
		return d.Err()
	}
}

func orMalformed(d *xdr.Decoder, r *Rejection) error {
	if d.Err() != nil {
		return d.Err()
	}
	return r
}

// ErrUnsent says that a request that was given up has not been sent.
var ErrUnsent = errors.New("the request was not sent")

// errClosed is the result of calls of a Client that is closed.
var errClosed = errors.New("the share is closed")
