// Package browse reads files inside a backup's disk for people and scripts: ls, find, cat, cp, tar
// and diff --files, behind their flags.
//
// It owns what these commands open and in which order, what is told beside their results, and how
// one goes on after a file that cannot be read. It leaves to others paths, walking and copying
// (cmd/files), and what is printed of a file (cmd/filereport). It reads no flags, though its errors
// name them.
//
// Ls, Find, Cat, Cp and Tar have one backup's disk open (browser); FindAll has those of a volume's
// backups open, one after the other; Diff two.
//
// Invariants:
//
//   - Results go to Options.Out; notes and what failed to Options.Err. With JSON there is one JSON
//     value, at most, on Options.Out.
//   - A file that cannot be read is told, and the others go on; the error at the end says how many
//     there were, and wraps [backupstore.ErrDamaged] if the backup is why (tally).
package browse
