// Package console talks to people and scripts while a command runs: results, questions, progress,
// the log, and whether there is a terminal.
//
// It decides nothing: what is asked and how far something has got is the caller's.
package console
