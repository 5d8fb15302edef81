// Package bunzip2 decodes bzip2 with random access at the granularity of its
// blocks, as a stream.Decoder.
//
// A bzip2 block (up to 900,000 bytes after the first run-length stage, RLE1)
// decodes independently of all others, so a checkpoint is the bit at which a
// block starts and the decoded offset of its first byte; its State is one
// byte, the level digit of the stream's header. A block's own CRC is in its
// header: a resumed decoder checks each block as a fresh one does, and always
// before it hands out the block's first byte. Nothing that a damaged
// checkpoint can say makes it return wrong bytes of a block; only a wrong Out
// goes unnoticed, as nothing in a bzip2 stream tells a block's decoded offset.
//
// The stages, in the order in which they run:
//
//	bits.go     bits from a stream.Source
//	header.go   block header: symbol map, selectors, code lengths
//	huffman.go  tables that decode a zero run and the symbol after it at once
//	entropy.go  Huffman, zero runs and move-to-front, giving the last column
//	bwt.go      inverse Burrows-Wheeler transform, sixteen chains at once
//	rle.go      RLE1, by bulk fills
//	crc.go      bzip2's CRC by way of hash/crc32's fast one
//	block.go    all of these for one block; the pools of their memory
//	decoder.go  the stream.Decoder
//	magic.go    search of block starts at bit positions
//	ahead.go    blocks decoded ahead on several cores
//
// Entry points into the transform need not be kept in the index: a block gives
// enough of them itself (bwt.go), so that a first pass is as fast as a resumed
// one.
//
// A block is kept in its RLE1 form (at most 900 KB) and expanded straight into
// the caller's buffer, so a block that covers 46 MB of zeros costs no more
// memory than any other.
//
// There is no RFC. The format is what bzip2 1.0.8 reads and writes. Randomised
// blocks, which only bzip2 0.9.0 and older wrote, are refused.
package bunzip2
