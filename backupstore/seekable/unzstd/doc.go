// Package unzstd decodes one stored zstd object (RFC 8878) front to back, and
// makes an ordinary single frame readable from the middle.
//
// It has its own block decoder. Literals are decoded by klauspost's huff0; the
// frame, block and sequence layers, the window and the execution are here, so
// that everything a place to resume needs is at hand while decoding.
//
// It accepts windows up to MaxWindow, frames one after the other, skippable
// frames, and bytes after the last frame. It refuses dictionaries. It starts no
// goroutine. Memory is the window, 256 KiB more, and about 0.5 MiB of buffers;
// small frames take less.
//
// Hazard: fast.go loads and copies with unsafe; its invariants are stated there.
package unzstd
