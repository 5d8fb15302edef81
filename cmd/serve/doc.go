// Package serve serves the backups of a catalogue as disks, which package fusefs mounts.
//
// It owns the open volumes and their lifetimes, shared by all open files of the same disk; what is
// written onto them, with an overlay; the caches in front of them; looking at the share again;
// indexing in the background; and the status and the metrics of a mount. It leaves to others what a
// backup is (backupstore), the mount itself (fusefs), and the command line: it knows no flags,
// prints nothing, and ends no process.
//
// # Stability
//
// The JSON of [Status] and the names of metrics are contracts, which only grow; docs/metrics.md has
// them. The Go names may change until the first release.
//
// # Invariants
//
//   - What is served of a backup is what the catalogue last saw of it. Files that are open keep
//     what they were opened on.
//   - A volume is composed once for all open files of its disk, and released with the last of them.
//     An overlay is opened once, and closed with the last of them too.
//   - A read holds no part of the cache while it waits for another one.
//   - No lock is held while a volume or an overlay is opened, read or closed.
//   - One goroutine looks at the share and another one indexes; [Disks.Run] runs both.
package serve
