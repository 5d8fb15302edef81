//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The loop of fast.go in assembly, for processors with BMI2: same state in and out, same symbols in
// an iteration, same places to stop.
//
// Registers
//
//	AX  the entry of what comes next; within a match, its successor's
//	BX  litBits, R15 distBits: operands of BZHI
//	CX  length of the match
//	DX  BP  what is needed for a moment
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

// CONSUME takes the bits of the entry, and keeps what they were.
#define CONSUME \
	MOVQ  R8, R14    \
	SHRXQ AX, R8, R8 \
	SUBL  AX, R9

// LOOKUP loads the entry of the next bits.
#define LOOKUP(t) \
	BZHIQ BX, R8, t       \
	MOVL  (R12)(t*4), AX

// AHEAD loads the entries of the next bits, CX if they are a literal or length and DX if a distance:
// before it is known which, as a branch that was guessed wrong then finds them there.
#define AHEAD \
	BZHIQ BX, R8, CX                \
	BZHIQ R15, R8, DX               \
	MOVL  (R12)(CX*4), CX           \
	MOVL  tables_dist(R12)(DX*4), DX

// LITERAL writes the literal and goes on to the entry behind it.
#define LITERAL \
	SHRL  $16, AX        \
	MOVB  AX, (DI)       \
	MOVL  CX, AX         \
	INCQ  DI

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
	MOVL $const_litBits, BX
	MOVL $const_distBits, R15
	REFILL(CX)
	LOOKUP(CX)

	PCALIGN $64

iteration:
	CONSUME
	AHEAD
	TESTL AX, AX
	JGE   noLiteral
	LITERAL
	CONSUME
	AHEAD
	TESTL AX, AX
	JGE   noLiteral
	LITERAL
	CONSUME
	AHEAD
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
	BZHIQ AX, R14, CX
	MOVL  AX, BP
	SHRL  $8, BP
	SHRXQ BP, CX, CX
	SHRL  $16, AX
	ADDL  AX, CX
	TESTL $const_flagExceptional, DX
	JNE   exceptionalDistance

distance:
	BZHIQ DX, R8, R14
	SHRXQ DX, R8, R8
	SUBL  DX, R9
	LOOKUP(BP)
	MOVL  DX, BP
	SHRL  $8, BP
	SHRXQ BP, R14, R14
	SHRL  $16, DX
	ADDL  DX, R14
	REFILL(BP)
	MOVQ  DI, BP
	MOVQ  DI, DX
	SUBQ  R13, BP
	SUBQ  R14, DX
	CMPQ  R14, BP
	JHI   beyond

copy:
	// From DX to DI.
	CMPL  R14, $16
	JCS   near
	MOVOU (DX), X0
	MOVOU X0, (DI)
	MOVOU 16(DX), X1
	MOVOU X1, 16(DI)
	CMPL  CX, $32
	JHI   long
	ADDQ  CX, DI
	CMPQ  DI, R11
	JAE   more
	CMPQ  SI, R10
	JLS   iteration
	JMP   more

long:
	ADDQ DI, CX // where the match ends

longLoop:
	ADDQ  $32, DX
	ADDQ  $32, DI
	MOVOU (DX), X0
	MOVOU X0, (DI)
	MOVOU 16(DX), X1
	MOVOU X1, 16(DI)
	LEAQ  32(DI), BP
	CMPQ  BP, CX
	JCS   longLoop
	MOVQ  CX, DI
	JMP   next

near:
	CMPL R14, $1
	JEQ  one
	ADDQ DI, CX

	// Each copy doubles the part that repeats.
nearDouble:
	MOVOU (DX), X0
	MOVOU X0, (DI)
	ADDQ  R14, DI
	ADDL  R14, R14
	CMPL  R14, $16
	JCS   nearDouble
	CMPQ  DI, CX
	JAE   nearDone

nearLoop:
	MOVOU (DX), X0
	MOVOU X0, (DI)
	ADDQ  $16, DX
	ADDQ  $16, DI
	CMPQ  DI, CX
	JCS   nearLoop

nearDone:
	MOVQ CX, DI
	JMP  next

one:
	MOVBQZX (DX), DX
	MOVQ    $0x0101010101010101, BP
	IMULQ   BP, DX
	MOVQ    DX, X0
	PUNPCKLQDQ X0, X0
	LEAQ    (DI)(CX*1), BP

oneLoop:
	MOVOU X0, (DI)
	ADDQ  $16, DI
	CMPQ  DI, BP
	JCS   oneLoop
	MOVQ  BP, DI
	CMPL  CX, $const_matchMax
	JNE   next
	MOVL  AX, CX
	SHRL  $16, CX
	CMPL  CX, $const_matchMax
	JNE   next

	// Likely the same match again and again: as long as its bits repeat, only count.
	SHRXQ AX, R8, DX
	BZHIQ R15, DX, DX
	MOVL  tables_dist(R12)(DX*4), DX
	MOVL  DX, CX
	SHRL  $16, CX
	CMPL  CX, $1
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
	LOOKUP(CX)
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
	MOVL $const_distBits, R15
	JMP  copy

exceptional:
	TESTL $const_flagSubtable, AX
	JEQ   ending
	MOVL  AX, CX
	SHRL  $8, CX
	ANDL  $15, CX
	BZHIQ CX, R8, CX
	SHRL  $16, AX
	ADDL  AX, CX
	MOVL  (R12)(CX*4), AX
	CONSUME
	TESTL AX, AX
	JGE   exceptionalLength
	MOVL  AX, DX
	SHRL  $16, DX
	MOVB  DX, (DI)
	INCQ  DI
	REFILL(CX)
	LOOKUP(CX)
	JMP   next

exceptionalLength:
	TESTL $const_flagExceptional, AX
	JNE   ending
	REFILL(CX)
	BZHIQ R15, R8, DX
	MOVL  tables_dist(R12)(DX*4), DX
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
