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

// the bytes of four words in the order of the processor
DATA flip<>+0(SB)/8, $0x0405060700010203
DATA flip<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL flip<>(SB), RODATA|NOPTR, $16

// STATE makes of eight words in order, in lo and hi, the two halves that the instructions take.
#define STATE(lo, hi) \
	PSHUFD  $0xB1, lo, lo  \
	PSHUFD  $0x1B, hi, hi  \
	MOVO    lo, X7         \
	PALIGNR $8, hi, lo     \
	PBLENDW $0xF0, X7, hi

// ORDER is the opposite.
#define ORDER(lo, hi) \
	PSHUFD  $0x1B, lo, lo  \
	PSHUFD  $0xB1, hi, hi  \
	MOVO    lo, X7         \
	PBLENDW $0xF0, hi, lo  \
	PALIGNR $8, X7, hi

// LOAD loads four words of a message.
#define LOAD(at, p, m) \
	MOVOU  at(p), m \
	PSHUFB X14, m

// FOUR is four rounds of one stream, whose state is in s and t, with the words in now.
#define FOUR(at, s, t, now) \
	MOVOU       at(DX), X0     \
	PADDL       now, X0        \
	SHA256RNDS2 X0, s, t       \
	PSHUFD      $0x0E, X0, X0  \
	SHA256RNDS2 X0, t, s

// NEXT is FOUR, and goes on with the words of the message. The temporaries X0 and tmp are renamed
// by the processor, so that the two streams do not wait for each other.
#define NEXT(at, s, t, now, next, before, tmp) \
	MOVOU       at(DX), X0     \
	PADDL       now, X0        \
	SHA256RNDS2 X0, s, t       \
	MOVO        now, tmp       \
	PALIGNR     $4, before, tmp \
	PADDL       tmp, next      \
	SHA256MSG2  now, next      \
	PSHUFD      $0x0E, X0, X0  \
	SHA256RNDS2 X0, t, s       \
	SHA256MSG1  now, before

#define BOTH4(at, m, n) \
	FOUR(at, X1, X2, m) \
	FOUR(at, X8, X9, n)

#define BOTH(at, now, next, before, now2, next2, before2) \
	NEXT(at, X1, X2, now, next, before, X7) \
	NEXT(at, X8, X9, now2, next2, before2, X15)

// func blocks2(a, b *[8]uint32, p, q *byte, n int)
//
// Invariants: n is positive; it reads n blocks of 64 bytes at p and at q, and writes a and b.
//
// The states are in X1, X2 and X8, X9, the words of the messages in X3 to X6 and X10 to X13.
TEXT ·blocks2(SB), NOSPLIT, $64-40
	MOVQ  a+0(FP), AX
	MOVQ  b+8(FP), BX
	MOVQ  p+16(FP), SI
	MOVQ  q+24(FP), DI
	MOVQ  n+32(FP), CX
	LEAQ  sha256K<>(SB), DX
	MOVOU flip<>(SB), X14
	MOVOU 0(AX), X1
	MOVOU 16(AX), X2
	STATE(X1, X2)
	MOVOU 0(BX), X8
	MOVOU 16(BX), X9
	STATE(X8, X9)

again:
	MOVOU X1, s-64(SP)
	MOVOU X2, t-48(SP)
	MOVOU X8, u-32(SP)
	MOVOU X9, v-16(SP)
	LOAD(0, SI, X3)
	LOAD(0, DI, X10)
	LOAD(16, SI, X4)
	LOAD(16, DI, X11)
	LOAD(32, SI, X5)
	LOAD(32, DI, X12)
	LOAD(48, SI, X6)
	LOAD(48, DI, X13)
	BOTH4(0, X3, X10)
	BOTH4(16, X4, X11)
	SHA256MSG1 X4, X3
	SHA256MSG1 X11, X10
	BOTH4(32, X5, X12)
	SHA256MSG1 X5, X4
	SHA256MSG1 X12, X11
	BOTH(48, X6, X3, X5, X13, X10, X12)
	BOTH(64, X3, X4, X6, X10, X11, X13)
	BOTH(80, X4, X5, X3, X11, X12, X10)
	BOTH(96, X5, X6, X4, X12, X13, X11)
	BOTH(112, X6, X3, X5, X13, X10, X12)
	BOTH(128, X3, X4, X6, X10, X11, X13)
	BOTH(144, X4, X5, X3, X11, X12, X10)
	BOTH(160, X5, X6, X4, X12, X13, X11)
	BOTH(176, X6, X3, X5, X13, X10, X12)
	BOTH(192, X3, X4, X6, X10, X11, X13)
	BOTH(208, X4, X5, X3, X11, X12, X10)
	BOTH(224, X5, X6, X4, X12, X13, X11)
	BOTH4(240, X6, X13)
	MOVOU s-64(SP), X0
	MOVOU t-48(SP), X7
	MOVOU u-32(SP), X3
	MOVOU v-16(SP), X4
	PADDL X0, X1
	PADDL X7, X2
	PADDL X3, X8
	PADDL X4, X9
	ADDQ  $64, SI
	ADDQ  $64, DI
	DECQ  CX
	JNZ   again
	ORDER(X1, X2)
	ORDER(X8, X9)
	MOVOU X1, 0(AX)
	MOVOU X2, 16(AX)
	MOVOU X8, 0(BX)
	MOVOU X9, 16(BX)
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
