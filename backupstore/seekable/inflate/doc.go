// Package inflate decodes zlib streams (RFC 1950, RFC 1951) from a
// stream.Source, resumably, and finds the places at which to resume.
//
// It owns the DEFLATE algorithm, the placement of checkpoints and the encoding
// of their State. Where compressed bytes come from, which decoder continues,
// and what happens to checkpoints is left to the packages above.
//
// # Parts
//
//	tables.go      decoding tables: entry layout, construction
//	input.go       buffered compressed input
//	block.go       block headers
//	core.go        the state machine over blocks; the only caller of the loops
//	fast.go        the hot loop (package unsafe; only where its list of processors says)
//	fast_amd64.s   the same in assembly, for processors with BMI2; fast_amd64.go calls it
//	careful.go     one symbol at a time: end of input, other processors, purego
//	checkpoint.go  placement, recording and encoding of checkpoints
//	decoder.go     Decoder: reads, skips, windows, buffers
//	adler.go       the checksum of RFC 1950
//	find.go        where a block may begin (for chunk.go)
//	chunk.go       decoding with an unknown window (two-stage, as rapidgzip)
//	ahead.go       chunks decoded ahead by workers, taken over by the Decoder
//
// # Invariants
//
// Between two symbols a core holds fewer than 8 bits outside its input buffer.
// Loops stop at the first symbol at or behind their limit: they write at most
// outMargin bytes behind it, which every output buffer must have. Nothing is
// read or decoded beyond that, but for what Options.Workers allows.
//
// What was decoded ahead from a guessed place is used only if the Decoder itself
// comes to a block header at exactly that bit, so a wrong guess cannot change a byte.
// Workers report no errors: the Decoder comes by and finds them itself.
//
// # Hazards
//
// Input, and a checkpoint's State, are hostile until checked: the loops check
// every distance against the history that exists, table construction refuses
// codes that are not complete (but for those that zlib allows), and no amount of
// memory depends on what the stream says.
package inflate
