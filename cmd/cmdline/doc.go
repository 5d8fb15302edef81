// Package cmdline reads command lines: it puts words into the order that the library of flags
// reads, refuses those that could mean two things, translates the call of a mount helper, and
// parses the values of flags.
//
// Every mistake of whoever wrote the command line is a [UsageError], and nothing else is. The
// package knows which kinds of flags there are, and no single flag.
package cmdline
