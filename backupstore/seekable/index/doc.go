// Package index owns the seek index of one stored object: the checkpoints at
// which its decoding can be resumed, the extents known to be zero, and how far
// both reach (the frontier). It keeps them in memory for look-ups, and on disk
// in a store directory of bounded size; docs/index-format.md in the root of
// the repository describes the files byte by byte.
//
// It decodes no object and knows no algorithm: the State of a checkpoint is
// opaque here. When to build, when to read and whether decoded data is right is
// decided above, in seekable.
//
// # Life of an index
//
// [Store.Index] returns what is known of an object, at worst nothing. A
// decoder that moves on at the frontier reports to a [Builder], which is a
// stream.Observer; what it reports can be used at once. Records are appended to
// NAME.partial, under flock(2); when the object was decoded to its end, a
// directory and a footer follow and the file is renamed to NAME. A build that
// stops early, also by a crash, is continued later at its last checkpoint.
// Between calls no file is kept open, but for the one of an unfinished build:
// [Index.Checkpoint] opens and closes, so that thousands of indexes in use cost
// no descriptors.
//
// # Invariants
//
//   - An index is a hint. Whatever happens to the files (truncated, flipped,
//     stale, hostile, deleted while in use), a look-up gives what was once
//     recorded for exactly this Key, or an error, and then the index starts
//     anew. A record that passes its CRC can still be a forgery: decoders check
//     every State, seekable checks what was decoded, and calls [Index.Drop].
//   - No problem with the store's directory reaches a reader of data: without
//     room or rights, records are kept in memory, at most 2 MiB an index,
//     thinned when there are more.
//   - No size or count in a file makes memory be reserved before it was checked
//     against the length of the file and the limits in limits.go.
//   - Readers wait for no I/O but their own: Index.mu guards memory only.
//
// # Hazards
//
// The State of a checkpoint holds plaintext of the backup, therefore
// directories are 0700 and files 0600. Key.Object must be unique among all that
// share one store directory; two objects of one name would evict each other in
// turn. When the encoding of State changes, its Key.Algorithm must change too.
package index
