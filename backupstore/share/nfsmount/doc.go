// Package nfsmount reaches an NFS export, HOST:/PATH, through the kernel: by a
// mount of it that is there already, or by one that it makes.
//
// It owns how an export is written, which of several mounts of it to use, and the
// life of a mount of its own. It leaves to others what is read there (share.Dir), and
// where the export's name comes from.
//
// Invariants:
//   - A mount that was there is never changed and never unmounted.
//   - An own mount is read-only, nosuid, nodev and noexec, is made in a directory
//     that only root may enter, and is taken out of the tree of files as soon as
//     its root is open (MNT_DETACH). From then on only that open directory holds
//     it: nobody else can meet it, and it ends with it, or with the process,
//     however that ends.
//   - Nothing waits for a server for longer than a limit, or than its context.
//
// Hazards: a thread that looks at a mount whose server is away stays in the
// kernel until the server answers or the process ends; it is left behind.
// Exports below the one that was mounted do not appear in a mount that is out of
// the tree; name such a one itself. An own mount whose root the server does not
// know any more stays stale: the program must be started again.
package nfsmount
