// Package inside reads the files on a disk: it says what parts a disk has, and
// opens the file system in one of them with the package that knows its format. The
// logical volumes of LVM are parts too.
//
// It owns the interface [FS], which these packages fit, and the choice between
// them. It leaves to others where a disk's bytes come from, which part is meant,
// paths, following links, and what to advise where a part cannot be read.
//
// # Invariants
//
//   - The disk is not trusted; see the packages below this one, contents and
//     parttable.
//   - A [Part] reads no byte from outside of itself.
//   - Names and labels are bytes of the disk; code that prints them must make
//     them safe for a terminal.
//
// # Concurrency
//
// A [Disk] never changes. A file system that is open may be used by many
// goroutines at once.
package inside
