package proto

import (
	"fmt"
	"syscall"
)

// Status is a status other than success of a server's answer: nfsstat3 (RFC 1813, section 2.6),
// nfsstat4 (RFC 7530, section 13.1; RFC 8881, section 15.1) and mountstat3, which use the same
// numbers for the same things. As an error it is the errno that Linux makes of it.
type Status uint32

// The statuses that are acted upon.
const (
	NoEnt             Status = 2
	Access            Status = 13
	NotDir            Status = 20
	Stale             Status = 70
	BadHandle         Status = 10001
	BadCookie         Status = 10003
	NotSupp           Status = 10004
	Jukebox           Status = 10008 // Delay of version 4
	Expired           Status = 10011
	Locked            Status = 10012
	Grace             Status = 10013
	FHExpired         Status = 10014
	WrongSec          Status = 10016
	MinorVersMismatch Status = 10021
	StaleClientID     Status = 10022
	StaleStateID      Status = 10023
	OldStateID        Status = 10024
	BadStateID        Status = 10025
	Symlink           Status = 10029
	OpenMode          Status = 10038
	AdminRevoked      Status = 10047
	BadSession        Status = 10052
	BadSlot           Status = 10053
	ConnNotBound      Status = 10055
	SeqMisordered     Status = 10063
	RepTooBig         Status = 10066
	RepTooBigToCache  Status = 10067
	RetryUncachedRep  Status = 10068
	SeqFalseRetry     Status = 10076
	DeadSession       Status = 10078
	BackChanBusy      Status = 10057
	ClientIDBusy      Status = 10074
	CompleteAlready   Status = 10054
	NotSame           Status = 10027
	BadHighSlot       Status = 10077
	TooManyOps        Status = 10070
	OpNotInSession    Status = 10071
	PartnerNoAuth     Status = 10089
)

const wrongSec = "the export wants another security flavor than sys, probably Kerberos " +
	"(mount it with the kernel's client and give the directory)"

var statuses = map[Status]struct {
	text  string
	errno syscall.Errno
}{
	1:                 {"not the owner", syscall.EPERM},
	NoEnt:             {"no such file or directory", syscall.ENOENT},
	5:                 {"input/output error on the server", syscall.EIO},
	6:                 {"no such device on the server", syscall.ENXIO},
	Access:            {"permission denied", syscall.EACCES},
	NotDir:            {"not a directory", syscall.ENOTDIR},
	21:                {"is a directory", syscall.EISDIR},
	22:                {"invalid argument", syscall.EINVAL},
	63:                {"name too long", syscall.ENAMETOOLONG},
	Stale:             {"stale file handle", syscall.ESTALE},
	BadHandle:         {"the server does not know its own handle", syscall.ESTALE},
	BadCookie:         {"the directory changed while it was read", syscall.EAGAIN},
	NotSupp:           {"the server does not support this", syscall.EOPNOTSUPP},
	10005:             {"the directory's entries are too long for the answer", syscall.EOVERFLOW},
	10006:             {"the server failed", syscall.EREMOTEIO},
	Jukebox:           {"the server is busy with it", syscall.EAGAIN},
	Expired:           {"the lease has expired", syscall.EIO},
	Locked:            {"another client has locked the file", syscall.EAGAIN},
	Grace:             {"the server has just started", syscall.EAGAIN},
	FHExpired:         {"the file handle has expired", syscall.ESTALE},
	WrongSec:          {wrongSec, syscall.EPERM},
	MinorVersMismatch: {"the server does not speak this minor version", syscall.EPROTONOSUPPORT},
	StaleClientID:     {"the server does not know this client", syscall.EIO},
	BadStateID:        {"the server wants the file to be opened first", syscall.EIO},
	Symlink:           {"a symbolic link, which is not followed", syscall.ELOOP},
	BadSession:        {"the server does not know this session", syscall.EIO},
	DeadSession:       {"the server has ended this session", syscall.EIO},
	RepTooBig:         {"the answer is larger than the session allows", syscall.EIO},
}

// Error implements error.
func (s Status) Error() string {
	if known, ok := statuses[s]; ok {
		return known.text
	}
	return fmt.Sprintf("the server answers with status %d", uint32(s))
}

// Unwrap returns the errno of the status, nil if it has none.
func (s Status) Unwrap() error {
	if known, ok := statuses[s]; ok {
		return known.errno
	}
	return nil
}
