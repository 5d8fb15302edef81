// Package v4 speaks NFS version 4.0 (RFC 7530) and 4.1 (RFC 8881), as far as reading needs them. No
// operation that changes a file or directory is in it.
//
// Files are read with the anonymous stateid, which takes no OPEN: nothing is held on the server,
// there is no lease to keep, and nothing to recover when the server starts again or the lease has
// expired. What 4.1 has besides is a session. It is made when it is needed, and made anew when the
// server does not know it any more; a call that was refused for that is made again.
//
// Each call of 4.1 takes a slot of the session until its answer is there, also when its caller has
// gone: the slot's next use depends on whether the server has seen the last one. Where that cannot
// be known the session is given up.
package v4
