// Package nfsmount reaches an NFS export, HOST:/PATH, through the kernel: through an existing
// mount, or one that it makes.
//
// It owns how an export is written, which of several mounts to use, and the life of a mount of its
// own. It leaves to others what is read there (share.Dir), and where the name of the export comes
// from.
//
// Invariants:
//   - An existing mount is never changed and never unmounted.
//   - A mount of its own is read-only, nosuid, nodev and noexec, is made in a directory that only
//     root may enter, and is detached (MNT_DETACH) as soon as its root is open. From then on only
//     that open directory keeps it: no other process can reach it, and it ends when the directory
//     is closed or the process ends, in whatever way.
//   - Waiting for a server is bounded by a time limit and by the context.
//
// Hazards: a thread that looks at a mount whose server does not answer stays in the kernel until
// the server answers or the process ends; it is abandoned. Exports below the one that was mounted
// do not appear in a detached mount; they must be named themselves. If the server no longer knows
// the root of such a mount, as after a failover, the share's Successor mounts the export anew
// beside it; the old mount ends with the last file that is open there.
package nfsmount
