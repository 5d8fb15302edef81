//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The loop of fast.go in assembly, for processors with BMI2: same state in and out, same symbols in
// an iteration, same places to stop.
//
// Registers
//
//	AX  the entry of what comes next; within a match, that of what follows it
//	CX  the entry behind it, should that be a literal or length; length of the match
//	DX  the same, should that be a distance; where the match is copied from
//	BP  R15  what is needed for a moment
//	SI  next byte of input, R10 the last at which an iteration may begin
//	DI  next byte of output, R11 the first at which none may begin
//	R8  bits, the next in the lowest; R9 how many of them count, in its low byte
//	R12 tables
//	R13 low: before it are only what is noted, or nothing
//	R14 bits before the entry was consumed; the distance
//
// Invariants, besides those of fast.go, which say why each access stays in its buffer
//
//   - Behind a refill at least 56 bits count and all 64 are those of the input. Between two refills
//     are consumed at most: two literals from the root (22 bits), then a length from the root (16)
//     and a refill, or a subtable's (20) and a refill; or one literal, a length and a distance from
//     the roots (11+16+22), which leaves 15 for the look-up of the next entry.
//   - An iteration refills at most three times, from words that begin less than 24 bytes behind
//     where SI was: less than fastMargin bytes are read.
//   - A copy reads and writes 16 bytes at a time, less than 64 behind the end of the match. The
//     first two are made whatever the length is.
//   - Bits 8-15 of every entry are at most litBits, so that an index of BEXTR is below 2048, which
//     is inside of tables counted from dist as well as from lit.
//   - refs has room for all that a window can have: Go has seen to it.

// REFILL fills the bits up to at least 56.
#define REFILL(t) \
	MOVQ  (SI), t     \
	SHLXQ R9, t, t    \
	ORQ   t, R8       \
	MOVL  R9, t       \
	SHRL  $3, t       \
	ANDL  $7, t       \
	ADDQ  $7, SI      \
	SUBQ  t, SI       \
	ORL   $56, R9

// CONSUME takes the bits of the entry AX, and keeps in R14 what they were. It loads the entries of
// the next bits, CX if they are a literal or length and DX if a distance, before it is known which:
// where that was guessed wrong they are there by then. One of them may be out of the other's table.
#define CONSUME \
	BEXTRQ AX, R8, CX                \
	MOVQ   R8, R14                   \
	SHRXQ  AX, R8, R8                \
	SUBL   AX, R9                    \
	MOVL   tables_dist(R12)(CX*4), DX \
	MOVL   tables_lit(R12)(CX*4), CX

// LOOKUP loads the entry of the next bits, a literal or length.
#define LOOKUP \
	MOVL R8, AX                       \
	ANDL $(1<<const_litBits - 1), AX  \
	MOVL tables_lit(R12)(AX*4), AX

// LITERAL writes the literal and goes on to the entry behind it.
#define LITERAL \
	SHRL  $16, AX        \
	MOVB  AX, (DI)       \
	MOVL  CX, AX         \
	INCQ  DI

// nearPatterns has, for each distance below 16, which of the bytes at the distance each of 16 bytes is,
// and behind them, for each, the greatest multiple that is not above 16.
DATA nearPatterns<>+0(SB)/8, $0x0000000000000000
DATA nearPatterns<>+8(SB)/8, $0x0000000000000000
DATA nearPatterns<>+16(SB)/8, $0x0000000000000000
DATA nearPatterns<>+24(SB)/8, $0x0000000000000000
DATA nearPatterns<>+32(SB)/8, $0x0100010001000100
DATA nearPatterns<>+40(SB)/8, $0x0100010001000100
DATA nearPatterns<>+48(SB)/8, $0x0100020100020100
DATA nearPatterns<>+56(SB)/8, $0x0002010002010002
DATA nearPatterns<>+64(SB)/8, $0x0302010003020100
DATA nearPatterns<>+72(SB)/8, $0x0302010003020100
DATA nearPatterns<>+80(SB)/8, $0x0201000403020100
DATA nearPatterns<>+88(SB)/8, $0x0004030201000403
DATA nearPatterns<>+96(SB)/8, $0x0100050403020100
DATA nearPatterns<>+104(SB)/8, $0x0302010005040302
DATA nearPatterns<>+112(SB)/8, $0x0006050403020100
DATA nearPatterns<>+120(SB)/8, $0x0100060504030201
DATA nearPatterns<>+128(SB)/8, $0x0706050403020100
DATA nearPatterns<>+136(SB)/8, $0x0706050403020100
DATA nearPatterns<>+144(SB)/8, $0x0706050403020100
DATA nearPatterns<>+152(SB)/8, $0x0605040302010008
DATA nearPatterns<>+160(SB)/8, $0x0706050403020100
DATA nearPatterns<>+168(SB)/8, $0x0504030201000908
DATA nearPatterns<>+176(SB)/8, $0x0706050403020100
DATA nearPatterns<>+184(SB)/8, $0x04030201000a0908
DATA nearPatterns<>+192(SB)/8, $0x0706050403020100
DATA nearPatterns<>+200(SB)/8, $0x030201000b0a0908
DATA nearPatterns<>+208(SB)/8, $0x0706050403020100
DATA nearPatterns<>+216(SB)/8, $0x0201000c0b0a0908
DATA nearPatterns<>+224(SB)/8, $0x0706050403020100
DATA nearPatterns<>+232(SB)/8, $0x01000d0c0b0a0908
DATA nearPatterns<>+240(SB)/8, $0x0706050403020100
DATA nearPatterns<>+248(SB)/8, $0x000e0d0c0b0a0908
DATA nearPatterns<>+256(SB)/8, $0x0e0c0f100f101010
DATA nearPatterns<>+264(SB)/8, $0x0f0e0d0c0b0a0910
GLOBL nearPatterns<>(SB), RODATA|NOPTR, $272

// func loopBMI2(l *loop) (end loopEnd)
TEXT ·loopBMI2(SB), NOSPLIT, $8-9
	MOVQ l+0(FP), DX
	MOVQ loop_in(DX), SI
	MOVQ loop_inEnd(DX), R10
	MOVQ loop_out(DX), DI
	MOVQ loop_outEnd(DX), R11
	MOVQ loop_tab(DX), R12
	MOVQ loop_low(DX), R13
	MOVQ loop_bits(DX), R8
	MOVQ loop_left(DX), R9
	REFILL(CX)
	LOOKUP

	PCALIGN $64

iteration:
	CONSUME
	TESTL AX, AX
	JGE   noLiteral
	LITERAL
	CONSUME
	TESTL AX, AX
	JGE   noLiteral
	LITERAL
	CONSUME
	TESTL AX, AX
	JGE   afterTwo
	LITERAL
	REFILL(CX)

next:
	CMPQ DI, R11
	JAE  more
	CMPQ SI, R10
	JLS  iteration

more:
	XORL CX, CX // loopMore
	JMP  done

afterTwo:
	TESTL $const_flagExceptional, AX
	JNE   exceptional
	REFILL(CX)
	JMP   length

noLiteral:
	TESTL $const_flagExceptional, AX
	JNE   exceptional

length:
	// DX is the entry of the distance.
	MOVL  AX, BP
	SHRL  $25, BP     // extra bits
	MOVL  AX, CX
	SUBL  BP, CX      // bits of the code
	SHRXQ CX, R14, CX
	BZHIQ BP, CX, CX
	SHRL  $16, AX
	ANDL  $511, AX
	ADDL  AX, CX
	TESTL $const_flagExceptional, DX
	JNE   exceptionalDistance

distance:
	BEXTRQ DX, R8, BP
	MOVL   tables_lit(R12)(BP*4), AX
	MOVL   DX, BP
	SHRL   $16, BP     // extra bits, in the low byte
	MOVL   DX, R14
	SUBL   BP, R14     // bits of the code, in the low six
	SHRXQ  R14, R8, R14
	BZHIQ  BP, R14, R14
	SHRXQ  DX, R8, R8
	SUBL   DX, R9
	SHRL   $24, DX
	SHLXQ  BP, DX, DX
	LEAQ   1(R14)(DX*1), R14
	REFILL(BP)
	MOVQ  DI, BP
	MOVQ  DI, DX
	SUBQ  R13, BP
	SUBQ  R14, DX
	CMPQ  R14, BP
	JHI   beyond

copy:
	// From DX to DI.
	CMPL    R14, $16
	JCS     near
	VMOVDQU (DX), X0
	VMOVDQU X0, (DI)
	VMOVDQU 16(DX), X1
	VMOVDQU X1, 16(DI)
	CMPL    CX, $32
	JHI     long
	ADDQ    CX, DI
	CMPQ    DI, R11
	JAE     more
	CMPQ    SI, R10
	JLS     iteration
	JMP     more

long:
	ADDQ DI, CX // where the match ends

longLoop:
	VMOVDQU 32(DX), X0
	VMOVDQU X0, 32(DI)
	VMOVDQU 48(DX), X1
	VMOVDQU X1, 48(DI)
	ADDQ    $32, DX
	ADDQ    $32, DI
	LEAQ    32(DI), BP
	CMPQ    BP, CX
	JCS     longLoop
	MOVQ    CX, DI
	JMP     next

near:
	// The bytes that repeat, as often as they fit into 16 from the first on, are stored at every
	// multiple of their number.
	LEAQ    (DI)(CX*1), BP
	VMOVDQU (DX), X0
	MOVQ    $nearPatterns<>(SB), DX
	SHLL    $4, R14
	VPSHUFB (DX)(R14*1), X0, X0
	SHRL    $4, R14
	MOVBLZX 256(DX)(R14*1), DX

nearLoop:
	VMOVDQU X0, (DI)
	ADDQ    DX, DI
	CMPQ    DI, BP
	JCS     nearLoop
	MOVQ    BP, DI
	CMPL    CX, $const_matchMax
	JNE     next
	CMPL    R14, $1
	JEQ     maybeRun
	JMP     next

maybeRun:
	MOVL AX, CX
	SHRL $16, CX
	CMPL CX, $const_matchMax
	JNE  next

	// Likely the same match again and again: as long as its bits repeat, only count.
	BEXTRQ AX, R8, DX
	MOVL  tables_dist(R12)(DX*4), DX
	TESTL $0xffff0000, DX // what stands for a distance of 1
	JNE   next
	ANDL  $63, AX
	ANDL  $63, DX
	ADDL  DX, AX       // the bits of a match
	BZHIQ AX, R8, R14  // and what they are

run:
	BZHIQ AX, R8, CX
	CMPQ  CX, R14
	JNE   ran
	CMPQ  DI, R11
	JAE   ran
	CMPQ  SI, R10
	JHI   ran
	SHRXQ AX, R8, R8
	SUBL  AX, R9
	REFILL(CX)
	ADDQ  $const_matchMax, DI
	JMP   run

ran:
	CMPQ DI, BP
	JNE  ranSome
	LOOKUP
	JMP  next

ranSome:
	MOVQ l+0(FP), DX
	MOVQ BP, loop_run(DX)
	JMP  more

beyond:
	// DX stays; R14-BP bytes of the match's distance are before low.
	SUBQ R14, BP
	NEGQ BP
	MOVQ l+0(FP), R15
	CMPQ BP, loop_history(R15)
	JHI  badDistance
	DECL BP
	MOVQ loop_refs(R15), R15
	MOVW BP, ref_beyond(R15)
	MOVW CX, ref_length(R15)
	MOVQ l+0(FP), BP
	ADDQ $ref__size, R15
	MOVQ R15, loop_refs(BP)
	JMP  copy

exceptional:
	TESTL $const_flagSubtable, AX
	JEQ   ending
	MOVL  AX, CX
	SHRL  $8, CX
	ANDL  $15, CX
	BZHIQ CX, R8, CX
	SHRL  $16, AX
	ANDL  $0xfff, AX
	ADDL  AX, CX
	MOVL  tables_lit(R12)(CX*4), AX
	CONSUME
	TESTL AX, AX
	JGE   exceptionalLength
	LITERAL
	REFILL(CX)
	JMP   next

exceptionalLength:
	TESTL $const_flagExceptional, AX
	JNE   ending
	REFILL(BP)
	JMP   length

exceptionalDistance:
	TESTL $const_flagSubtable, DX
	JEQ   badSymbol
	SHRQ  $const_distBits, R8
	SUBL  $const_distBits, R9
	REFILL(BP)
	MOVL  DX, BP
	SHRL  $8, BP
	ANDL  $15, BP
	BZHIQ BP, R8, BP
	SHRL  $16, DX
	ANDL  $0xfff, DX
	ADDL  BP, DX
	MOVL  tables_dist(R12)(DX*4), DX
	TESTL $const_flagExceptional, DX
	JEQ   distance // else never, as fast.go says

badSymbol:
	MOVL $const_loopBadSymbol, CX
	JMP  done

badDistance:
	MOVL $const_loopBadDistance, CX
	JMP  done

ending:
	TESTL $const_flagEnd, AX
	JEQ   badSymbol
	MOVL  $const_loopEndOfBlock, CX

done:
	MOVQ l+0(FP), DX
	MOVQ SI, loop_in(DX)
	MOVQ DI, loop_out(DX)
	MOVQ R8, loop_bits(DX)
	MOVQ R9, loop_left(DX)
	MOVB CX, end+8(FP)
	RET
