// Package fusefs serves backups as a FUSE file system. It is read-only, except
// for the disks of a mount with [Options.Writable], which are written through a
// [WritableDisk].
//
// It owns the mounted tree, the translation of reads and seeks, the table of
// errnos, and the life of a mount: the checks before it, its settings,
// unmounting, and cleaning up a mount whose server died. What a backup is,
// where its bytes come from, how they are decoded, verified, cached and read
// ahead is behind [Catalog] and [Disk]; of the project, this package imports
// only parttable, contents and inside, which look at a disk, and mountinfo.
//
// # The tree
//
//	backups/<backup id>/volume.raw       the disk: exact size, mtime = created_at
//	backups/<id>/partitions/<n>.raw      its partitions, if it has a partition table
//	backups/<id>/files/<n>/              the files in that partition, with Options.Files
//	backups/<id>/volume.plain.raw        the plain disk of an encrypted volume, with Options.Plain
//	backups/<backup id>/metadata.json    what a restore would put back
//	backups/<backup id>/problem.txt      what is wrong with it; alone if nothing can be read
//	volumes/<volume id>/<created_at>     -> ../../backups/<backup id>
//	volumes/<volume id>/latest           -> the newest backup without a problem
//	names/<volume name>/<created_at>     -> ../../backups/<backup id>
//	names/<volume name>/latest           -> the same as in volumes/, if it has this name
//	.restorefs/status.json               Options.Status, not listed
//
// created_at is RFC 3339 in UTC. names.go makes names safe and unambiguous:
// instead of a name that could mean two disks there are two longer names, one
// for each disk.
//
// The tree is computed from the catalogue's current listing at every lookup,
// and the kernel may remember an entry for five seconds; so backups appear and
// vanish without a remount. Inode numbers are hashes of paths: they survive a
// remount.
//
// # Invariants
//
//   - A read returns all the bytes asked for or an error. Programs would
//     silently take a short answer in the middle of a file for its end.
//   - Bytes go from the Disk's memory to the kernel in one writev; they stay
//     pinned ([Data]) until the kernel has copied them.
//   - The bytes of a disk that cannot be written never change, so the kernel's
//     page cache outlives the open file (FOPEN_KEEP_CACHE). A changed time or
//     size is a new inode.
//   - Before write(2) returns, the Disk has taken the write or it fails;
//     fsync(2) and close(2) return 0 only if all writes are on stable storage.
//   - st_blocks is never 0 for a file that is not empty (GNU tar would take it
//     for a single hole), and is below the size (otherwise cp does not look for
//     holes).
//   - No lock is held while a Catalog or a Disk is called.
//
// # Hazards
//
// Deadlock: the process that serves a mount must not touch it, not even with
// stat(2) or exec, and must read neither the share nor its cache through it.
// Mount refuses a mountpoint that overlaps [Options.Avoid]. Tests serve from a
// helper process.
//
// Interrupts: the context of a request is cancelled, and its caller gets EINTR,
// only when the caller has been told to end (interrupt.go). A Disk must then
// give up only this request, not work that others wait for, and must not use
// the context after it has returned.
//
// Waiting: with asynchronous direct I/O (CAP_ASYNC_DIO), which doubles the
// throughput of libaio and io_uring, the kernel waits for the answer to a
// direct read whatever happens to the reader, and announces no interrupt. So
// interrupt.go looks at the signals of the caller of a request that takes long,
// and a read(2) with O_DIRECT ends when a signal tells its process to end. For
// reads by libaio that cannot always be found out. Buffered readers are freed
// by SIGKILL. At most maxBackground buffered and asynchronous reads of a mount
// are in flight, so reads that hang hold up other reads of that mount, also of
// other backups. Killing the serving process frees every reader.
//
// The page cache belongs to an inode, and a partition's file shows bytes that
// volume.raw shows too. While disks can be written, partitions bypass it
// (FOPEN_DIRECT_IO), and a write to a partition drops the kernel's cached pages
// of volume.raw there before it is acknowledged, unless very many such writes
// wait for that; see drop.go. If both were cached, two writers of the same
// bytes could wait for each other's pages for ever. As it is not cached, a
// partition's file then cannot be mapped shared.
//
// Memory: go-fuse allocates a buffer of the request's size (at most 1 MiB) for
// every READ in flight, even if it stays unused. The kernel bounds buffered
// reads to maxBackground; direct readers add one for each of their threads.
//
// A killed server leaves a mountpoint that answers ENOTCONN; Mount and Unmount
// clear it.
//
// # Stability
//
// The Go names may change until the first release.
package fusefs
