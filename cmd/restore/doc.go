// Package restore restores one backup: onto a block device, into a file or a qcow2, or as a stream;
// whole, or with Salvage as much of it as can be read.
//
// It owns the order of the steps and the files that are left beside a target: the checks, the
// question before the first write, the copy, the volume's metadata (Options.Record), the map of
// what is lost, and the plan. It leaves to others what a backup is and that its bytes are right
// (backupstore), whether a target may be written and how data and zeros get onto it (materialize),
// and clouds, of which it knows only a Guard.
//
// It reads no flags, prints nothing and asks nothing by itself. A caller asks and shows progress
// with Options.Confirm and Options.Watch; all else is in the Result, also that of a failed restore,
// and in the types of the errors.
//
//	Open ──> Plan                                     what a restore would do
//	     ──> To       open target, Guard.Opened, files beside it, Confirm, Guard.Before,
//	     │            materialize.Run, Guard.After, record, map
//	     ──> ToQcow2  Confirm, mount, qemu-img convert and check, rename, record
//	     ──> Stream   materialize.Stream
//
// Invariants:
//
//   - Nothing is written before every check has passed and Confirm has returned nil.
//   - Result.Restored means that all data is on stable storage. A record or a map that could not be
//     written is no error, because the data is right without it.
//   - An existing file is not replaced without Keeper.Force unless restorefs wrote it, which a
//     checksum in the file shows (keep.go).
//
// Hazard: set Keeper.Outside, which keeps files off the share. This package does not otherwise
// compare the names that it is given with the share.
//
// # Stability
//
// The Go names may change until the first release.
package restore
