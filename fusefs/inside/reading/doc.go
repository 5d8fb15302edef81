// Package reading is what the readers of guests' file systems beside it have in common: reading a
// disk or partition within its bounds (Disk), keeping blocks of it (Blocks), and noting what an
// operator should know (Notes).
//
// It knows no file system, and imports nothing of the project. Its types are safe for concurrent
// use, as far as their io.ReaderAt is.
package reading
