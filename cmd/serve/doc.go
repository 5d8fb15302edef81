// Package serve is what a mount serves: the backups of a catalogue as disks, which
// package fusefs mounts.
//
// It owns the volumes that are open and how long they live, shared by all who have
// the same disk open; what was written onto them, with an overlay; the caches in
// front of them; the share being looked at again; indexing in the background; and
// what a mount tells of itself, as its status and as metrics. It leaves to others
// what a backup is (backupstore), the mount itself (fusefs), and the command line:
// it knows no flag, prints nothing, and ends no process.
//
// # Stability
//
// The JSON of [Status] and the names of metrics are contracts, which only grow;
// docs/metrics.md has them. The Go names may change until the first release.
//
// # Invariants
//
//   - What is served of a backup is what the catalogue last saw of it. Files that are
//     open keep what they were opened on.
//   - A volume is composed once for all who have it open, and let go of with the
//     last. An overlay is open once, and closed with the last as well.
//   - A read holds no part of the cache while it waits for another one.
//   - No lock is held while a volume or an overlay is opened, read or closed.
//   - One goroutine looks at the share and one indexes, both of them [Disks.Run].
package serve
