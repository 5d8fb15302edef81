package cmdline

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
)

// ParseOwner parses a user and a group, each a number or a name. One that is "" is that of this
// process.
func ParseOwner(owner, group string) (uid, gid uint32, err error) {
	uid, gid = uint32(os.Geteuid()), uint32(os.Getegid())
	err = parseID("uid", owner, &uid, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return 0, 0, err
	}
	err = parseID("gid", group, &gid, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return uid, gid, err
}

func parseID(flag, text string, id *uint32, find func(name string) (string, error)) error {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		var number string
		if number, err = find(text); err == nil {
			n, err = strconv.ParseUint(number, 10, 32)
		}
	}
	if err != nil || n == 1<<32-1 { // to chown(2) this means no change
		return Usagef("--%s %s is neither a number nor a name that is known here", flag, text)
	}
	*id = uint32(n)
	return nil
}

// ParseMode parses --mode, an octal number that lets somebody read.
func ParseMode(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, Usagef("--mode %s is no octal mode such as 0440", text)
	}
	if n&0o444 == 0 {
		return 0, Usagef("--mode %s lets nobody read; 0400 lets the owner", text)
	}
	return fs.FileMode(n), nil
}
