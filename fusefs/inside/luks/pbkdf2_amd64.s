//go:build !purego

#include "textflag.h"

// the constants of SHA-256, FIPS 180-4
DATA sha256K<>+0(SB)/8, $0x71374491428a2f98
DATA sha256K<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA sha256K<>+16(SB)/8, $0x59f111f13956c25b
DATA sha256K<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA sha256K<>+32(SB)/8, $0x12835b01d807aa98
DATA sha256K<>+40(SB)/8, $0x550c7dc3243185be
DATA sha256K<>+48(SB)/8, $0x80deb1fe72be5d74
DATA sha256K<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA sha256K<>+64(SB)/8, $0xefbe4786e49b69c1
DATA sha256K<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA sha256K<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA sha256K<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA sha256K<>+96(SB)/8, $0xa831c66d983e5152
DATA sha256K<>+104(SB)/8, $0xbf597fc7b00327c8
DATA sha256K<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA sha256K<>+120(SB)/8, $0x1429296706ca6351
DATA sha256K<>+128(SB)/8, $0x2e1b213827b70a85
DATA sha256K<>+136(SB)/8, $0x53380d134d2c6dfc
DATA sha256K<>+144(SB)/8, $0x766a0abb650a7354
DATA sha256K<>+152(SB)/8, $0x92722c8581c2c92e
DATA sha256K<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA sha256K<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA sha256K<>+176(SB)/8, $0xd6990624d192e819
DATA sha256K<>+184(SB)/8, $0x106aa070f40e3585
DATA sha256K<>+192(SB)/8, $0x1e376c0819a4c116
DATA sha256K<>+200(SB)/8, $0x34b0bcb52748774c
DATA sha256K<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA sha256K<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA sha256K<>+224(SB)/8, $0x78a5636f748f82ee
DATA sha256K<>+232(SB)/8, $0x8cc7020884c87814
DATA sha256K<>+240(SB)/8, $0xa4506ceb90befffa
DATA sha256K<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL sha256K<>(SB), RODATA|NOPTR, $256

// what follows 32 bytes in the last block of 96 bytes: a bit, zeros, and their number of bits
DATA sha256Pad<>+0(SB)/8, $0x0000000080000000
DATA sha256Pad<>+8(SB)/8, $0
DATA sha256Pad<>+16(SB)/8, $0
DATA sha256Pad<>+24(SB)/8, $0x0000030000000000
GLOBL sha256Pad<>(SB), RODATA|NOPTR, $32

// STATE makes of eight words in order, in lo and hi, the two halves that the instructions take.
#define STATE(lo, hi) \
	PSHUFD  $0xB1, lo, lo  \
	PSHUFD  $0x1B, hi, hi  \
	MOVO    lo, X7         \
	PALIGNR $8, hi, lo     \
	PBLENDW $0xF0, X7, hi

// ORDER is the opposite, from X1 and X2 to lo and hi.
#define ORDER(lo, hi) \
	PSHUFD  $0x1B, X1, lo  \
	PSHUFD  $0xB1, X2, hi  \
	MOVO    lo, X7         \
	PBLENDW $0xF0, hi, lo  \
	PALIGNR $8, X7, hi

#define FOUR(at, now) \
	MOVOU       at(DX), X0   \
	PADDL       now, X0      \
	SHA256RNDS2 X0, X1, X2   \
	PSHUFD      $0x0E, X0, X0 \
	SHA256RNDS2 X0, X2, X1

// NEXT is FOUR, and goes on with the words of the message.
#define NEXT(at, now, next, before) \
	MOVOU       at(DX), X0   \
	PADDL       now, X0      \
	SHA256RNDS2 X0, X1, X2   \
	MOVO        now, X7      \
	PALIGNR     $4, before, X7 \
	PADDL       X7, next     \
	SHA256MSG2  now, next    \
	PSHUFD      $0x0E, X0, X0 \
	SHA256RNDS2 X0, X2, X1   \
	SHA256MSG1  now, before

// BLOCK goes on from the state s, t with a block that begins with X3 and X4, and leaves the digest
// there, its words in order.
#define BLOCK(s, t) \
	MOVO  s, X1      \
	MOVO  t, X2      \
	MOVO  X14, X5    \
	MOVO  X15, X6    \
	FOUR(0, X3)      \
	FOUR(16, X4)     \
	SHA256MSG1 X4, X3 \
	FOUR(32, X5)     \
	SHA256MSG1 X5, X4 \
	NEXT(48, X6, X3, X5) \
	NEXT(64, X3, X4, X6) \
	NEXT(80, X4, X5, X3) \
	NEXT(96, X5, X6, X4) \
	NEXT(112, X6, X3, X5) \
	NEXT(128, X3, X4, X6) \
	NEXT(144, X4, X5, X3) \
	NEXT(160, X5, X6, X4) \
	NEXT(176, X6, X3, X5) \
	NEXT(192, X3, X4, X6) \
	NEXT(208, X4, X5, X3) \
	NEXT(224, X5, X6, X4) \
	FOUR(240, X6)    \
	PADDL s, X1      \
	PADDL t, X2      \
	ORDER(X3, X4)

// func sha256Loop(u, sum, inner, outer *[8]uint32, n int)
//
// Invariants: n is positive; it reads and writes the four arrays and nothing else.
TEXT ·sha256Loop(SB), NOSPLIT, $0-40
	MOVQ  u+0(FP), DI
	MOVQ  sum+8(FP), SI
	MOVQ  inner+16(FP), AX
	MOVQ  outer+24(FP), BX
	MOVQ  n+32(FP), CX
	LEAQ  sha256K<>(SB), DX
	MOVOU sha256Pad<>+0(SB), X14
	MOVOU sha256Pad<>+16(SB), X15
	MOVOU 0(AX), X8
	MOVOU 16(AX), X9
	STATE(X8, X9)
	MOVOU 0(BX), X10
	MOVOU 16(BX), X11
	STATE(X10, X11)
	MOVOU 0(DI), X3
	MOVOU 16(DI), X4
	MOVOU 0(SI), X12
	MOVOU 16(SI), X13

again:
	BLOCK(X8, X9)
	BLOCK(X10, X11)
	PXOR X3, X12
	PXOR X4, X13
	DECQ CX
	JNZ  again
	MOVOU X3, 0(DI)
	MOVOU X4, 16(DI)
	MOVOU X12, 0(SI)
	MOVOU X13, 16(SI)
	RET

// func hasSHA() bool
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	XORL  AX, AX
	CPUID
	CMPL  AX, $7
	JLT   none
	MOVL  $7, AX
	XORL  CX, CX
	CPUID
	SHRL  $29, BX
	ANDL  $1, BX
	MOVB  BX, ret+0(FP)
	RET

none:
	MOVB $0, ret+0(FP)
	RET
