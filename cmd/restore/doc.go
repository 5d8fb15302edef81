// Package restore restores one backup: onto a block device or into a file, into a
// qcow2, or as a stream; whole, or with Salvage what can be had of it.
//
// It owns the order of the steps and what is left beside a target: the checks, the
// question before the first write, the copy, the volume's metadata (Options.Record),
// the map of what is lost, and what a plan says. It leaves to others what a backup is
// and that its bytes are right (backupstore), whether a target may be written and how
// data and zeros get onto it (materialize), and clouds: a Guard is all that it knows
// of those.
//
// It reads no flags, prints nothing and asks nothing by itself. What a caller wants
// to ask or show it gives as Options.Confirm and Options.Watch; everything else is in
// the Result, also in that of a restore that failed, and in the types of the errors.
//
//	Open ──> Plan                                     what a restore would do
//	     ──> To       open target, Guard.Opened, files beside it, Confirm, Guard.Before,
//	     │            materialize.Run, Guard.After, record, map
//	     ──> ToQcow2  Confirm, mount, qemu-img convert and check, rename, record
//	     ──> Stream   materialize.Stream
//
// Invariants:
//   - Nothing is written before every check has passed and Confirm has returned nil.
//   - Result.Restored means that all data is on stable storage. A record or a map that
//     could not be written does not make the data less right, and is no error.
//   - A file that is there and not restorefs's own is not replaced without
//     Keeper.Force; by a checksum in them restorefs knows its own (keep.go).
//
// Hazard: give Keeper.Outside, so that nothing is written to the share. The names
// that this package is given are not compared with it otherwise.
package restore
