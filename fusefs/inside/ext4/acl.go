package ext4

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"

	aclStored = 1 // version of the stored form (fs/ext4/acl.h)
	aclXattr  = 2 // version of what getxattr gives (include/uapi/linux/posix_acl_xattr.h)

	aclUser  = 2 // tags with the number of a user or group
	aclGroup = 8
)

// kernelACL turns an ACL as it is stored, where only named users and groups
// have a number, into what getxattr gives, where each entry has one.
func kernelACL(b []byte) ([]byte, error) {
	bad := func() ([]byte, error) { return nil, corrupt("ACL", "%d bytes that are no ACL", len(b)) }
	if len(b) < 4 || le.Uint32(b) != aclStored {
		return bad()
	}
	out := le.AppendUint32(nil, aclXattr)
	for p := b[4:]; len(p) > 0; {
		if len(p) < 4 {
			return bad()
		}
		id, size := ^uint32(0), 4
		if tag := le.Uint16(p); tag == aclUser || tag == aclGroup {
			if size = 8; len(p) < size {
				return bad()
			}
			id = le.Uint32(p[4:])
		}
		out = le.AppendUint32(append(out, p[:4]...), id)
		p = p[size:]
	}
	return out, nil
}
