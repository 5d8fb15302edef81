// Package pagefile is how bits that are only ever set are kept in a file so that a crash at any
// moment loses none that was reported as safe: pages of bits, each in two slots that are written in
// turn, in sectors that have a checksum each.
//
// It encodes and decodes. The file, its header, when it is written and what the bits mean are the
// caller's: package overlay, and package live of a restore onto a device that is in use meanwhile.
// docs/overlay-format.md has the layout of a slot.
package pagefile
