package doctor

import (
	"fmt"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

// nfsClient says whether this machine can mount an export.
func nfsClient(m Machine) Finding {
	const check = "nfs-client"
	const own = "restorefs reads nfs://NFSHOST/EXPORT by itself, without it and without root"
	var missing []string
	next := "apt install nfs-common (or dnf install nfs-utils), for NFSHOST:/EXPORT"
	if !m.fileSystem("nfs") && !m.fileSystem("nfs4") && !m.module("nfs") && !m.module("nfsv4") {
		missing = append(missing, "the kernel has no NFS client")
		next = "for a share on NFS: --share nfs://NFSHOST/EXPORT"
	}
	if m.program("mount.nfs") == "" {
		missing = append(missing, "there is no mount.nfs")
	}
	switch {
	case len(missing) > 0:
		return note(check, next, "%s; %s", strings.Join(missing, ", "), own)
	case m.User != 0:
		return ok(check, "the kernel's is there, and only root can mount with it; %s", own)
	}
	return ok(check, "the kernel's, with mount.nfs")
}

// minReadAhead is what a reader of a share over a network should have ahead of it, in KiB: the
// kernel's own 128 leave the network idle for most of each round trip.
const minReadAhead = 1024

// readAhead says how far the kernel reads ahead of whoever reads the share.
func readAhead(m Machine, s *locate.Share) Finding {
	const check = "read-ahead"
	if s == nil {
		return ok(check, "not known, as the share was not reached")
	}
	if s.Dir == "" {
		return ok(check, "nothing to set: the share is not read through a mount of this machine")
	}
	device := deviceName(s.Device())
	text := strings.TrimSpace(m.read("/sys/class/bdi", device, "read_ahead_kb"))
	var kib int
	if _, err := fmt.Sscan(text, &kib); err != nil {
		return ok(check, "not known for %s", wording.Printable(s.Dir))
	}
	kind := typeOf(m, device)
	if !strings.HasPrefix(kind, "nfs") || kib >= minReadAhead {
		return ok(check, "%d KiB, of the share's file system", kib)
	}
	return note(check,
		fmt.Sprintf("as root: echo 8192 > /sys/class/bdi/%s/read_ahead_kb", device),
		"%d KiB of the share's mount, by %s: reading one object after the other is slow", kib, kind)
}

// typeOf returns the type of the file system with a device number, "" if it is not known.
func typeOf(m Machine, device string) string {
	mounts, _ := mountinfo.Read(m.path(mountinfo.Own))
	for _, at := range mounts {
		if at.Device == device {
			return at.Type
		}
	}
	return ""
}
