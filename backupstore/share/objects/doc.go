// Package objects makes a share of an object store: keys become paths, and objects are read by
// ranges.
//
// It owns how a store is listed so that a look at a bucket takes few requests, how ranges are
// fetched, checked, repeated and read ahead, and how patient to be with a server. Which requests a
// store understands, and who may send them, is left to a Store: packages s3 and swift have one
// each. Nothing that writes is ever sent: Transport refuses every method but GET and HEAD.
//
// Nothing that a server says is believed. An answer counts only if it is of the range that was
// asked for, of the object that was opened (ETag, length, time of change), and as long as it says;
// lists and answers are bounded. Hazards: a store tells nothing of directories, so each of them is
// listed at each look; an object that is written anew while it is open is an error that wraps
// share.ErrStale, and may be opened again.
package objects
