// Package nfs is a share that is read from an NFS server by a client of its own: without root,
// without a mount, and where the kernel has no client.
//
// It owns names, handles, reads in flight and read-ahead. The versions of the protocol are below
// it: v3 and v4 say what is asked, rpc how it gets there, xdr how it is written, proto what they
// have in common. How patient it is with a server is share.Policy.
//
// Invariants:
//   - Nothing can be written: no package has a procedure that changes anything on a server.
//   - What a server says is not believed: lengths, counts, names and offsets are checked, and a
//     listing that does not end is an error.
//   - No name leads out of the share: names are looked up one by one, ".." is never asked for, and
//     no symbolic link is followed.
//   - A read is whole, or it ends with the file, or it is an error.
//   - Memory is bounded: read-ahead by Options.ReadAhead, calls by share.Policy.
//
// Hazards: the server does not tell when something changes. Handles of directories are believed for
// half a minute, like those of the kernel's client; files are looked up each time that they are
// opened. What was read ahead may be older than a later File.Stamp, so a Stamp drops what it does
// not fit.
//
// Goroutines: those of rpc, one for each block that is read ahead, and those of a read of more than
// one block, which end with it.
package nfs
