// Package unzstd decodes one stored zstd object (RFC 8878) front to back, and
// makes an ordinary single frame readable from the middle.
//
// It has its own block decoder. Literals are decoded by klauspost's huff0; the
// frame, block and sequence layers, the window and the execution are here, so
// that all that a place to resume needs is at hand while decoding.
//
// # Checkpoints
//
// A frame can be resumed at a block boundary when one knows the three repeat
// offsets, the entropy tables that later blocks inherit, and the bytes of the
// window (2 MiB in Cinder's objects) that later matches copy. These bytes are
// few: while it decodes for an Observer, a Decoder keeps what reaches across
// the boundaries near each multiple of Options.Spacing, and once the window has
// passed it reports the boundary that takes the least, with a sparse window.
// Compressors that work in parallel jobs hardly reach across the seam of two
// jobs; such seams are preferred. A frame's start is a checkpoint for free.
// Zeros are reported at once, checkpoints a window later: each kind comes in
// increasing order, the two together do not.
//
// With windows above 16 MiB checkpoints are an eighth of the window apart, when
// that is more than the spacing asked for. A checkpoint is hostile until
// checked: state.go checks each field, and what it cannot check leads to wrong
// bytes inside the frame's bounds, not farther.
//
// # Limits
//
// It accepts windows up to MaxWindow, if Options.MaxBytes allows, several frames, skippable frames,
// and bytes after the last frame. It refuses dictionaries. It starts no goroutine except for
// Options.Ahead (ahead.go). It needs memory for the window and about 1 MiB; for an Observer, also
// half of Spacing, and up to 16 MiB and a window for references across boundaries (about 1 MiB with
// a window of 2 MiB). Small frames need less.
//
// Hazard: fast.go loads and copies with unsafe; its invariants are stated there.
package unzstd
