//go:build !purego

#include "textflag.h"

// " \ blank { } and the last control character
DATA usualConstants<>+0(SB)/8, $0x00001f7d7b205c22
GLOBL usualConstants<>(SB), RODATA|NOPTR, $8

// func usualBlocks(b []byte) (n int)
//
// Invariants: it reads b[n:n+33] and nothing else, n being a multiple of 32 with n+33 <= len(b); it
// writes no memory. The register after each constant has it in all 32 bytes.
TEXT ·usualBlocks(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), CX
	XORQ AX, AX
	SUBQ $33, CX
	JLT  short

	VPBROADCASTB usualConstants<>+0(SB), Y10 // quote
	VPBROADCASTB usualConstants<>+1(SB), Y11 // backslash
	VPBROADCASTB usualConstants<>+2(SB), Y12 // makes [ and { the same, and ] and }
	VPBROADCASTB usualConstants<>+3(SB), Y13 // {
	VPBROADCASTB usualConstants<>+4(SB), Y14 // }
	VPBROADCASTB usualConstants<>+5(SB), Y15 // the last control character

loop:
	VMOVDQU   (SI)(AX*1), Y1  // the bytes before
	VMOVDQU   1(SI)(AX*1), Y0 // the bytes
	VPCMPEQB  Y1, Y11, Y2
	VPCMPEQB  Y0, Y10, Y3
	VPXOR     Y2, Y3, Y2      // a quote without a backslash, or the other way round
	VPOR      Y0, Y12, Y4
	VPCMPEQB  Y4, Y13, Y5
	VPCMPEQB  Y4, Y14, Y6
	VPOR      Y5, Y6, Y5
	VPOR      Y2, Y5, Y2
	VPCMPGTB  Y15, Y0, Y7     // as signed bytes: ASCII, and no control character
	VPMOVMSKB Y2, R8
	VPMOVMSKB Y7, R9
	NOTL      R9
	ORL       R9, R8
	JNZ       done
	ADDQ      $32, AX
	CMPQ      AX, CX
	JLE       loop

done:
	VZEROUPPER

short:
	MOVQ AX, n+24(FP)
	RET

// Four escapes \\\\u0000 and four bytes that are not looked at: which bits count, what they are, and
// where bit 4 or bit 6 is to be set.
DATA escapeBits<>+0(SB)/8, $0xff20202020ffffff
DATA escapeBits<>+8(SB)/8, $0xffff20202020ffff
DATA escapeBits<>+16(SB)/8, $0xffffff20202020ff
DATA escapeBits<>+24(SB)/8, $0x0000000020202020
GLOBL escapeBits<>(SB), RODATA|NOPTR, $32
DATA escapeValues<>+0(SB)/8, $0x5c20202020755c5c
DATA escapeValues<>+8(SB)/8, $0x5c5c20202020755c
DATA escapeValues<>+16(SB)/8, $0x755c5c2020202075
DATA escapeValues<>+24(SB)/8, $0x0000000020202020
GLOBL escapeValues<>(SB), RODATA|NOPTR, $32
DATA escapeDigits<>+0(SB)/8, $0x0010101010000000
DATA escapeDigits<>+8(SB)/8, $0x0000101010100000
DATA escapeDigits<>+16(SB)/8, $0x0000001010101000
DATA escapeDigits<>+24(SB)/8, $0x0000000010101010
GLOBL escapeDigits<>(SB), RODATA|NOPTR, $32

// func escapeBlocks(b []byte) (count int)
//
// Invariants: it reads b[7*count:7*count+32] and nothing else, with 7*count+32 <= len(b); it writes
// no memory.
TEXT ·escapeBlocks(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), CX
	XORQ AX, AX
	SUBQ $32, CX
	JLT  none

	VMOVDQU escapeBits<>(SB), Y10
	VMOVDQU escapeValues<>(SB), Y11
	VMOVDQU escapeDigits<>(SB), Y12

four:
	VMOVDQU   (SI), Y0
	VPAND     Y0, Y10, Y1
	VPCMPEQB  Y1, Y11, Y1
	VPSRLW    $2, Y0, Y2 // bit 6 of each byte to its bit 4
	VPXOR     Y0, Y2, Y2
	VPAND     Y2, Y12, Y2
	VPCMPEQB  Y2, Y12, Y2
	VPAND     Y1, Y2, Y1
	VPMOVMSKB Y1, R8
	NOTL      R8
	TESTL     R8, R8
	JNZ       other
	ADDQ      $4, AX
	ADDQ      $28, SI
	SUBQ      $28, CX
	JGE       four

other:
	VZEROUPPER

none:
	MOVQ AX, count+24(FP)
	RET
