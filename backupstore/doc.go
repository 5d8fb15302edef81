// Package backupstore turns what Cinder's NFS and posix backup drivers left on
// a share into volumes that can be read.
//
// It owns the catalogue of a share, the chains of backups, the composition of a
// chain into a volume and the verification of every byte that leaves. It leaves
// to others where bytes come from (share), what the files look like (format),
// how a compressed object is entered in the middle (seekable), what is kept in
// memory (cache), and both ways out (fusefs, materialize).
//
// # Stability
//
// Other programs may use this package, share and locate to open a share,
// materialize to restore, fusefs and cmd/serve to mount, fusefs/overlay and
// cmd/files, and above these cmd/restore and cmd/cloud, which know no flags and
// print nothing; cmd/cloud, cmd/restore and cmd/serve have examples. All other
// packages serve these. Their Go names may change until the first release; they
// are no contract yet. Contracts, which are only added to, are what is written
// and served: the JSON of commands and of a mount's status, the names of metrics,
// exit codes, and the formats that have pages in docs.
//
// # Glossary
//
// These words mean the same in code, flags, documents and log lines:
//
//   - share: the tree of files in which Cinder keeps backups, an NFS export.
//   - container: the directory, below the share's root, that holds a backup.
//   - backup: what one `openstack volume backup create` made: objects, a
//     _metadata and a _sha256file with a common prefix. Full, or incremental on
//     its parent.
//   - object: one stored file with one piece of the volume, maybe compressed.
//   - parent, chain, layer: a backup's parent_id names its parent; the chain is
//     the backup, its parent and so on down to a full backup; each backup in it
//     is a layer.
//   - volume: the disk. The composed volume of a backup is what its chain adds
//     up to: for every byte the newest layer that has it, zero where none has.
//   - extent: a range of the volume that comes from one object.
//   - block, digest, row: Cinder notes the SHA-256 digest of every block (32 KiB
//     unless configured) of the composed volume, one row each, in _sha256file.
//   - span: some adjacent blocks, the unit that is decoded and cached at once.
//   - checkpoint: a place inside an object at which decoding can resume; an
//     object's checkpoints are its index. window: the decoded bytes before a
//     checkpoint to which the bytes after it refer. Read-ahead has one too, what is
//     loaded ahead of a reader, and so has a rate, the time that it is measured
//     over. A partition is a part of a disk, and no window.
//   - complete, incomplete, broken: states of a backup. Incomplete: Cinder did
//     not finish it (there is no _metadata). Broken: something is missing or not
//     as Cinder writes it; the problems say what.
//   - damage: a range of a volume whose bytes cannot be had, or fail their
//     digest. heal: to take such a range from a sibling, another backup of the
//     same volume. lost: what is damaged and cannot be healed either. salvage: to
//     read on past that. bad is said of the bytes of formats alone.
//   - target: what a volume is copied onto. marker: the file that says of a target,
//     until its restore is complete, which backup is being written.
//   - note: a remark for the operator, in output and in JSON.
//   - record: what Cinder's database has, or had, of a backup or a volume; of the
//     volume it is also the file beside a target. Formats of others (XFS, NTFS,
//     RPC) have records of their own.
//   - refresh: to bring the catalogue up to date, and what is made of it. scan: to
//     read the share's directories for that; a look is what one scan has found.
//     renew: to go over to the directory that has replaced the share's. Of anything
//     else, such as a disk, to look at it is to find out what it is.
//
// The same disk goes through several packages, each with a type for what it is
// there:
//
//   - backupstore.Volume: composed of objects, verified.
//   - cache.Cached: with its decoded spans in memory; disk.Kept: with its decoded
//     blocks on a local disk. Each reads a Source, as it declares it.
//   - fusefs.Disk: open in a mount, perhaps a fusefs.WritableDisk; serve.Disk is
//     the one that cmd/serve makes of a Volume and the caches.
//   - overlay.Lower: below an overlay. materialize.Source: to be copied.
//   - cinderapi.Volume: what Cinder says of a volume of the cloud; device.Sought:
//     what is known of one whose device is looked for.
//
// Not used: chunk (Cinder says it for objects and for blocks), snapshot, image
// (for a volume), archive, segment.
//
// # Invariants
//
// The share is never written. Nothing on it is trusted. No byte leaves a Volume
// unless its block has the digest that _sha256file gives, or, where that has no
// row for it, its object has the MD5 that _metadata gives. Reads are whole or an
// error. Opening a backup costs O(its objects) of time and memory, never O(its
// bytes). No lock is held across I/O or decompression.
package backupstore
