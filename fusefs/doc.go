// Package fusefs serves backups as a FUSE file system: read-only, except for
// the disks of a mount with [Options.Writable], whose writes go to wherever a
// [WritableVolume] keeps them.
//
// It owns the mounted tree, the translation of reads and seeks, the table of
// errnos, and the life of a mount: checks before it, settings of it, taking it
// down, cleaning up one whose server died. What a backup is, where its bytes
// come from, how they are decoded, verified, cached and read ahead is behind
// [Catalog] and [Volume]; of the project, this package imports only parttable,
// which finds partitions.
//
// # The tree
//
//	backups/<backup id>/volume.raw       the disk: exact size, mtime = created_at
//	backups/<id>/partitions/<n>.raw      its partitions, if it has a table of them
//	backups/<backup id>/metadata.json    what a restore would put back
//	backups/<backup id>/problem.txt      what is wrong with it; where nothing can be read, alone
//	volumes/<volume id>/<created_at>     -> ../../backups/<backup id>
//	volumes/<volume id>/latest           -> the newest backup without a problem
//	names/<volume name>/<created_at>     -> ../../backups/<backup id>
//	.restorefs/status.json               Options.Status, not listed
//
// created_at is RFC 3339 in UTC. Names are made safe and unambiguous by the
// rules in names.go: a name that could mean two disks does not exist, longer
// ones that mean one each take its place.
//
// The tree is computed from the catalogue's snapshot at every lookup, and the
// kernel may remember an entry for five seconds; so backups appear and vanish
// without a remount. Inode numbers are hashes of what is shown: they survive
// a remount.
//
// # Invariants
//
//   - A read returns all the bytes asked for or an error. A short answer in
//     mid file would be taken for the end of the file, silently.
//   - Bytes go from the Volume's memory to the kernel in one writev; they stay
//     pinned ([Data]) until the kernel has them.
//   - A backup's bytes never change, so the kernel's page cache outlives the
//     open file (FOPEN_KEEP_CACHE), unless they can be written. A changed time
//     or size is a new inode.
//   - A write has been taken by the Volume, or fails, before write(2) returns;
//     fsync(2) and close(2) return 0 when all of them are on stable storage.
//   - st_blocks is never 0 for a file that is not empty (GNU tar takes 0 for
//     one hole), and below the size (cp looks for holes only then).
//   - No lock is held while a Catalog or a Volume is called.
//
// # Hazards
//
// Deadlock: the process that serves a mount must not touch it, also not with
// stat(2) or by exec, and must read neither the share nor its cache through
// it. Mount refuses a mountpoint that overlaps [Options.Avoid]. Tests serve
// from a helper process.
//
// Interrupts: the context of a request is cancelled, and the caller gets EINTR,
// when somebody wants the caller to end, and at nothing else (interrupt.go). A
// Volume must give up only this waiter, not work that others wait for, and must
// not use the context after it has returned.
//
// Waiting: with asynchronous direct I/O (CAP_ASYNC_DIO), which doubles what
// libaio and io_uring get, the kernel waits for the answer to a direct read
// whatever happens to the reader, and announces nothing. So the caller of a
// request that takes long is looked at (interrupt.go): a read(2) with O_DIRECT
// ends upon a signal that asks for it. Whether a program ends that has reads by
// libaio under way cannot always be told. Buffered readers are freed by SIGKILL.
// At most maxBackground buffered and asynchronous reads of a mount are in
// flight, so those that hang hold up others of that mount, whatever backup they
// read. Killing the serving process frees every reader.
//
// The page cache belongs to an inode, and a partition's file shows bytes that
// volume.raw shows too. While disks can be written, partitions are read and
// written past it (FOPEN_DIRECT_IO), and a write to one drops what the kernel
// has of volume.raw there, before it is acknowledged; unless a great many such
// writes wait for that, see drop.go. Were both cached, two writers of the same
// bytes could wait for each other's pages for ever. For want of a cache, a
// partition's file cannot be mapped shared then.
//
// Memory: go-fuse takes a buffer of the request's size (at most 1 MiB) for
// every READ in flight, also if it then stays unused. The kernel bounds
// buffered reads to maxBackground; direct readers bring one per thread.
//
// A server that was killed leaves a mountpoint that answers ENOTCONN; Mount
// and Unmount clear it.
package fusefs
