// Package seekable gives random access to one stored object: up to 2 GB of one
// zlib, bzip2 or zstd stream, or plain bytes.
//
// It owns decoders: which one continues, resumes or starts for a read, how
// many live at once, and how much memory they hold together (Engine). A decoder
// that has served a read is parked where it stands, so that the next read a
// little further on continues instead of starting over. It does not cache
// decoded bytes, does not know volumes or chains and does not verify digests:
// what it returns is what the stored stream says, and may be wrong where the
// share is damaged.
//
// A decoder belongs to one goroutine at a time: to the reader that took it, or
// to the Engine while it is parked. No lock is held while one decodes.
package seekable
