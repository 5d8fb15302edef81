// Package mount is a mount from its flags to its end: mount, behind its flags.
//
// It owns whether Options go together, the order in which the share, the disks and the tree are
// opened, what may not overlap what, what is told of the mount while it lives, and when and how it
// ends: unmounted, idle, a signal, a closed terminal, the end of the command of --run. It leaves to
// others what is served (cmd/serve), the mounted tree (fusefs), and being in the background
// (cmd/process). It reads no flags, though its errors name them.
//
//	Run ──> prepare     what options exclude, memory
//	    ──> Daemonize   --daemon: the same command again, in the background; it ends here
//	    ──> mount       the share, the disks, the tree
//	        ──> keep    until it is unmounted
//
// Invariants: what is opened is closed in the reverse order, the metrics before the disks that they
// report on; nothing is printed to stdout.
//
// Hazard: Run changes the process: the runtime's memory limit, the number of its threads, with
// --log-file its stderr, with --daemon its session and directory.
package mount
