// Package manual says how commands are used: help on a terminal, and manual pages. Both are made
// of the commands' own definitions, and of what is said besides: for which purpose a flag is
// (groups.go), examples (examples.go), the order of commands (sections.go), and what is said once
// for many commands (topics).
//
// It leaves to others which commands and flags there are and what each does, which their
// definitions say, and how a command line is read, which package cmdline does.
package manual
