//go:build !purego

#include "textflag.h"

// what is added to a tweak that is doubled, for each half that overflows
DATA xtsPoly<>+0(SB)/8, $0x87
DATA xtsPoly<>+8(SB)/8, $0x01
GLOBL xtsPoly<>(SB), RODATA|NOPTR, $16

// NEXT keeps the tweak X15 at at(SP), XORs it into a block, and doubles it.
#define NEXT(at, x) \
	MOVOU X15, at(SP)   \
	PXOR  X15, x        \
	PSHUFD $0x13, X15, X14 \
	PADDQ X15, X15      \
	PSRAL $31, X14      \
	PAND  X13, X14      \
	PXOR  X14, X15

#define EIGHT(op) \
	op X12, X0 \
	op X12, X1 \
	op X12, X2 \
	op X12, X3 \
	op X12, X4 \
	op X12, X5 \
	op X12, X6 \
	op X12, X7

// LAST XORs the tweak into a block and stores it.
#define LAST(at, x) \
	MOVOU at(SP), X12 \
	PXOR  X12, x      \
	MOVOU x, at(DI)

// func xtsSectors(p *byte, sectors, blocks int, keys *byte, rounds int, number, step uint64)
//
// Invariants: sectors and blocks are positive, blocks a multiple of 8; it reads and writes
// p[:16*sectors*blocks], and reads keys[:16*(rounds+1)] and keys[240:240+16*(rounds+1)].
TEXT ·xtsSectors(SB), NOSPLIT, $128-56
	MOVQ p+0(FP), DI
	MOVQ sectors+8(FP), CX
	MOVQ keys+24(FP), SI
	MOVQ rounds+32(FP), R8
	MOVQ number+40(FP), R9
	MOVQ step+48(FP), R10
	MOVOU xtsPoly<>(SB), X13
	DECQ R8 // the rounds but for the last

sector:
	// The number of the sector, encrypted, is its first tweak.
	MOVQ  R9, X15
	LEAQ  240(SI), BX
	MOVOU (BX), X12
	PXOR  X12, X15
	MOVQ  R8, AX

number:
	ADDQ   $16, BX
	MOVOU  (BX), X12
	AESENC X12, X15
	DECQ   AX
	JNZ    number
	MOVOU  16(BX), X12
	AESENCLAST X12, X15
	MOVQ   blocks+16(FP), DX

eight:
	MOVOU 0(DI), X0
	MOVOU 16(DI), X1
	MOVOU 32(DI), X2
	MOVOU 48(DI), X3
	MOVOU 64(DI), X4
	MOVOU 80(DI), X5
	MOVOU 96(DI), X6
	MOVOU 112(DI), X7
	NEXT(0, X0)
	NEXT(16, X1)
	NEXT(32, X2)
	NEXT(48, X3)
	NEXT(64, X4)
	NEXT(80, X5)
	NEXT(96, X6)
	NEXT(112, X7)
	MOVQ  SI, BX
	MOVOU (BX), X12
	EIGHT(PXOR)
	MOVQ  R8, AX

round:
	ADDQ  $16, BX
	MOVOU (BX), X12
	EIGHT(AESDEC)
	DECQ  AX
	JNZ   round
	MOVOU 16(BX), X12
	EIGHT(AESDECLAST)
	LAST(0, X0)
	LAST(16, X1)
	LAST(32, X2)
	LAST(48, X3)
	LAST(64, X4)
	LAST(80, X5)
	LAST(96, X6)
	LAST(112, X7)
	ADDQ  $128, DI
	SUBQ  $8, DX
	JNZ   eight
	ADDQ  R10, R9
	DECQ  CX
	JNZ   sector

	// Neither keys nor tweaks stay behind.
	PXOR  X12, X12
	PXOR  X15, X15
	MOVOU X12, 0(SP)
	MOVOU X12, 16(SP)
	MOVOU X12, 32(SP)
	MOVOU X12, 48(SP)
	MOVOU X12, 64(SP)
	MOVOU X12, 80(SP)
	MOVOU X12, 96(SP)
	MOVOU X12, 112(SP)
	RET

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL   w+0(FP), X0
	PSHUFD $0, X0, X0
	AESKEYGENASSIST $0, X0, X1
	MOVL   X1, ret+8(FP)
	RET

// func invMixColumns(dst, src *byte)
TEXT ·invMixColumns(SB), NOSPLIT, $0-16
	MOVQ   dst+0(FP), DI
	MOVQ   src+8(FP), SI
	MOVOU  (SI), X0
	AESIMC X0, X0
	MOVOU  X0, (DI)
	RET
