// Package sums computes SHA-256 of two blocks at once. A processor's instructions for SHA-256 wait
// for each other within one message; those of two messages fill the time. It owns nothing and reads
// nothing but what it is given; what a digest proves is the caller's business.
//
// Hazards: the loops in assembly read and write without checks of bounds. [Pair] alone calls them,
// with whole blocks of equal number. The build tag purego leaves them out.
package sums
