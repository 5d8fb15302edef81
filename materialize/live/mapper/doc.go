// Package mapper shows a file as a block device that can become another one while it is used: a
// loop device below a table of the device mapper (linear) that is exchanged at the end.
//
// It runs losetup and dmsetup, which every host with LVM has: they agree with udev on who makes the
// nodes below /dev/mapper. It knows what it made by the device's UUID, and touches nothing else.
//
// Hazards: while a device is suspended everything that is written to it waits, so the program must
// not need a file on it. A loop device that is in use goes when its last user does (autoclear), so
// that a process that is killed leaves none behind.
//
// # Stability
//
// The Go names may change until the first release.
package mapper
