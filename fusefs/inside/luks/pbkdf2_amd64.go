//go:build !purego

package luks

import "golang.org/x/sys/cpu"

// sha256Loop goes on with n iterations of PBKDF2 with HMAC of SHA-256: u is what the last one gave,
// sum the exclusive or of all, inner and outer are the states of SHA-256 behind the two blocks of
// the key.
//
//go:noescape
func sha256Loop(u, sum, inner, outer *[8]uint32, n int)

// hasSHA says whether the processor has instructions for SHA-256.
func hasSHA() bool

var hasLoop = cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 && hasSHA()
