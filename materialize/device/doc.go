// Package device finds the block device, or the file, that is a given Cinder
// volume on this machine.
//
// It owns the places where a volume appears: on a storage node (LVM, an NFS share that Cinder
// mounted, Ceph through rbd map) and in an instance that the volume is attached to (names by id
// below /dev/disk). It owns the proof that a device is that volume: a device found by a Finder has
// a name with the id, the volume's size and, if it has a serial number, the id as that. A device
// that the operator names must have the volume's size (Prove), and no name or serial number may say
// that it is another volume (OtherVolume); a name that says nothing, such as /dev/sdb, is accepted.
// It leaves to others Cinder's and Nova's API, whether a device may be written, and writing. It
// imports nothing of the project.
//
// Invariants:
//   - A Device is never a guess: one match, of the right size, or an error.
//   - Nothing is written, and no file is created. Only Ceph changes something: it maps a device,
//     and Release unmaps it.
//   - Every call ends with its context, even while the kernel waits for a dead NFS server; that
//     wait then continues in a goroutine of its own.
//
// Hazard: a Device describes what was at its path when it was found. Code that opens the path later
// must compare the size again.
package device
