// Package guest is for tests of readers of guests' file systems: it fills file
// systems through the kernel, and tells what the kernel shows of them, to
// compare with what a reader shows.
//
// It imports no reader, so that it is a second opinion.
package guest
