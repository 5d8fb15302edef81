// Package materialize copies a composed volume onto a target: a regular file
// or a block device.
//
// It owns the target (what it is, whether it may be written, how zeros get onto
// it), the pipeline that copies, the comparison of a target with a backup, and
// the note that lets an interrupted run be continued. It knows nothing of
// backups, objects or compression: those are behind Volume, and every byte that
// Volume hands out is verified. What a Copier has the kernel copy is verified on
// the target.
//
// The way of a run:
//
//	Open      resolve the name, open exclusively, look at the machine and at
//	          the target's content, judge; writes nothing
//	Plan      what a run would do; writes nothing
//	Run       note, copy or compare-and-copy, flush, remove the note
//	Compare   read a target past the page cache and compare it by digests
//	Stream    instead of all that: the volume from front to back into a pipe
//
//	runs ──> worker: zero or data? ──> read verified pieces ──> its writer ──> target
//	         (Jobs of them)            into pooled buffers      write, punch, flush
//
// Invariants:
//   - Nothing is written before every check has passed, and then only inside
//     [0, Volume.Size()). A target is never truncated.
//   - A device stays open with O_EXCL, a file locked, from Open to Close. What is
//     checked is what is written: names are resolved once and the open file's
//     identity is compared with what the name meant.
//   - The result does not depend on what the target held before: a range of
//     zeros is made zero, unless the target is known to be zero there.
//   - A nil error of Run means that everything is on stable storage.
//   - Memory is bounded by Options.MemoryBytes and Options.Jobs.
//
// Not guaranteed: the order in which ranges are written; after an error some
// ranges are written and others are not. Running again continues.
package materialize
