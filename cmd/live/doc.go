// Package live is the command of that name: a volume that is used from the first second, while its
// backup is copied onto the device that it then is.
//
// It owns the order: which flags go together, what is opened and asked before anything is written,
// what is shown where (a device of the mapper, or a file), what is told, and what happens at a
// signal. The volume, its map and its phases are materialize/live's, tables and loop devices
// materialize/live/mapper's, the mounted tree fusefs's.
//
//	Run ──> begin: share, backup, device, state file    nothing is written before the question
//	    ──> show: mount, loop, /dev/mapper/NAME         from here on the guest can use it
//	    ──> work: fill, prove                           while it is used
//	    ──> complete: hand over, take down              the guest has the device itself
//	    or  stop: wait until nobody uses it, take down  --resume goes on
//
// It reads no flags itself; they come in [Options].
package live
