// Package materialize copies a composed volume onto a target: a regular file
// or a block device.
//
// It owns the target (what it is, whether it may be written, how it is zeroed), the pipeline that
// copies, the comparison of a target with a backup, and the marker by which an interrupted run can
// be continued. It knows nothing of backups, objects or compression: those are behind Source, and
// every byte that a Source returns is verified. Bytes that the kernel copies for a Copier are
// verified on the target.
//
// The steps of a run:
//
//	Open      resolve the name, open exclusively, examine the machine and
//	          the target's content, accept or refuse it; writes nothing
//	Plan      say what a run would do; writes nothing
//	Run       write the marker, copy or compare and copy, flush, remove it
//	Compare   read a target past the page cache and compare it by digests
//	Stream    instead of all these: write the volume from front to back into a pipe
//
//	runs ──> worker: zero or data? ──> read verified pieces ──> its writer ──> target
//	         (Jobs of them)            into pooled buffers      write, punch, flush
//
// Invariants:
//   - Nothing is written before every check has passed, and then only inside [0, Source.Size()). A
//     target is never shortened.
//   - A device stays open with O_EXCL, a file locked, from Open to Close. The target that was
//     checked is the one that is written: names are resolved once, and the identity of the open
//     file is compared with that of the named one.
//   - The result does not depend on what the target held before: where the volume is zero the
//     target is made zero, unless it is known to be zero.
//   - A nil error of Run means that everything is on stable storage.
//   - Memory is bounded by Options.MemoryBytes and Options.Jobs.
//
// Not guaranteed: the order in which ranges are written; after an error some
// ranges are written and others are not. Running again continues.
//
// # Stability
//
// The Go names may change until the first release.
package materialize
