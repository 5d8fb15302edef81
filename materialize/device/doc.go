// Package device finds the block device, or the file, that is a given Cinder
// volume on this machine.
//
// It owns the places where a volume shows: on a storage node (LVM, an NFS share
// that Cinder mounted, Ceph by way of rbd map) and in an instance that the
// volume is attached to (names by id below /dev/disk). It owns the proof that a
// device is that volume. What a Finder finds has a name that carries the id, the
// volume's size, and the id as its serial number where the device tells one. What
// the operator points at is held to its size (Prove) and must not say by any name
// or serial number that it is another volume (OtherVolume); that it says nothing,
// as /dev/sdb does, is no reason against it. It leaves to others Cinder's and
// Nova's API, whether a device may be written, and writing. It imports nothing of
// the project.
//
// Invariants:
//   - A Device is never a guess: one match, of the right size, or an error.
//   - Nothing is written, and no file is created. Ceph alone changes something:
//     it maps a device, and Release unmaps it.
//   - Every call ends with its context, also while the kernel waits for a dead
//     NFS server; the kernel's wait is left to finish alone.
//
// Hazard: a Device tells what its path was when it was found. Who opens it later
// compares the size again.
package device
