// Package files reads the files inside a backup's disk: it finds them by path,
// walks trees of them, copies them into a directory and writes them as a tar.
// It needs neither root nor FUSE.
//
// It owns paths within a disk, following a guest's symbolic links, walking, and
// what becomes of a file's attributes in a copy. It leaves to others what a
// backup is (backupstore), what lies on a disk (fusefs/inside), and the command
// line: it knows no flags, prints nothing but what it was asked to write to a
// writer, and ends no process.
//
// # Stability
//
// The Go names may change until the first release.
//
// # Invariants
//
//   - Every byte comes from backupstore, verified, or is an error; nothing is
//     guessed.
//   - What a guest chose is data: a name is one name in one directory, a symbolic
//     link is followed within its own file system alone, and never when a copy is
//     written.
//   - A copy is written below its destination alone: each step is one name below
//     an open directory, and no step follows a link.
//   - A file appears under its name when it is whole, or not at all.
//   - A file that cannot be read is told, and the others go on.
//   - Memory is bounded: see the constants of walk.go and links.go.
package files
