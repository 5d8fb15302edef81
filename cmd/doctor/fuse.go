package doctor

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// without is what works on a machine that cannot mount.
const without = "all but mount and --format qcow2 works without: restorefs cp, materialize"

// fuse says whether a mount is possible.
func fuse(m Machine) []Finding {
	dev := m.path("/dev/fuse")
	if _, err := os.Stat(dev); err != nil {
		next := "modprobe fuse; a container needs --device /dev/fuse --cap-add SYS_ADMIN"
		return []Finding{problem("fuse", next, "there is no /dev/fuse: nothing can be mounted; %s",
			without)}
	}
	if m.User == 0 {
		f, err := os.OpenFile(dev, os.O_RDWR, 0)
		if err != nil {
			return []Finding{problem("fuse", "a container needs --device /dev/fuse",
				"/dev/fuse cannot be opened (%v): nothing can be mounted; %s", err, without)}
		}
		f.Close()
	}
	return []Finding{ok("fuse", "/dev/fuse is there"), helper(m), allowOther(m)}
}

// helper says whether somebody who is not root can mount.
func helper(m Machine) Finding {
	const check, next = "fusermount", "apt install fuse3 (or dnf install fuse3)"
	path := m.program("fusermount3")
	if path == "" {
		path = m.program("fusermount")
	}
	switch {
	case m.User == 0 && path == "":
		return ok(check, "not there, and not needed: root mounts without")
	case path == "":
		return problem(check, next, "there is no fusermount3, without which only root can mount")
	case m.User == 0 || setuid(m.path(path)):
		return ok(check, "%s", path)
	}
	return problem(check, "apt install --reinstall fuse3, or as root: chmod u+s "+path,
		"%s is not setuid root, without which only root can mount", path)
}

// setuid says whether a program runs as root, or with capabilities of its own.
func setuid(path string) bool {
	var st unix.Stat_t
	if n, err := unix.Getxattr(path, "security.capability", nil); err == nil && n > 0 {
		return true
	}
	return unix.Stat(path, &st) == nil && st.Uid == 0 && st.Mode&unix.S_ISUID != 0
}

// allowOther says whether others could be let into a mount.
func allowOther(m Machine) Finding {
	const check, conf = "allow-other", "/etc/fuse.conf"
	if m.User == 0 {
		return ok(check, "root may let other users into a mount (mount --allow-other)")
	}
	for line := range strings.Lines(m.read(conf)) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return ok(check, "%s has user_allow_other: mount --allow-other works", conf)
		}
	}
	return note(check, "as root: echo user_allow_other >> "+conf,
		"mount --allow-other is for root alone: %s has no line user_allow_other", conf)
}
