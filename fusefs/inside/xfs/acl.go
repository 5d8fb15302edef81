package xfs

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"

	// The names of attributes that hold ACLs, which have a form of their own.
	storedAccess  = "SGI_ACL_FILE"
	storedDefault = "SGI_ACL_DEFAULT"

	aclVersion = 2 // of what getxattr gives (include/uapi/linux/posix_acl_xattr.h)

	aclUser  = 2 // tags with the number of a user or group
	aclGroup = 8
	aclEntry = 12 // bytes of an entry as it is stored
)

// kernelACL turns an ACL as it is stored into what getxattr gives.
func kernelACL(b []byte) ([]byte, error) {
	if len(b) < 4 || uint64(be.Uint32(b))*aclEntry > uint64(len(b)-4) {
		return nil, corrupt("ACL", "%d bytes that are no ACL", len(b))
	}
	out := le.AppendUint32(nil, aclVersion)
	for i := range be.Uint32(b) {
		e := b[4+i*aclEntry:]
		tag, id := be.Uint32(e), ^uint32(0)
		if tag == aclUser || tag == aclGroup {
			id = be.Uint32(e[4:])
		}
		out = le.AppendUint16(out, uint16(tag))
		out = le.AppendUint16(out, be.Uint16(e[8:]))
		out = le.AppendUint32(out, id)
	}
	return out, nil
}
