package objects

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Store is what is asked of an object store. Implementations are safe for concurrent use, send
// their requests through a Transport, and return an *Error for an answer that is none.
type Store interface {
	// List calls each with the objects whose keys begin with prefix, in the order in which the
	// store has them. With delimited those that have a "/" behind the prefix are left out; what
	// they begin with, up to that "/", is given once, as an Info that has nothing but this Key. An
	// error of each ends the listing and is returned.
	List(ctx context.Context, prefix string, delimited bool, each func(Info) error) error
	// Head returns what the store says of an object.
	Head(ctx context.Context, key string) (Info, error)
	// Get asks for a part of an object. The caller checks the answer, and closes its Body.
	Get(ctx context.Context, key string, part Part) (Answer, error)
	// String says where the store is, for messages.
	String() string
	// Close releases what the store holds.
	Close()
}

// Info is what a store says of an object. It is not believed.
type Info struct {
	Key  string
	Size int64  // bytes
	ETag string // without its quotes; "": none
	// Modified is when the object was written, to the second; the zero Time if that is not told.
	Modified time.Time
}

// Part is the range of an object that is asked for.
type Part struct {
	Off, Len int64
	ETag     string // the object must have this one; "": any
}

// Answer is the answer to Get.
type Answer struct {
	Body   io.ReadCloser
	Header http.Header
}
