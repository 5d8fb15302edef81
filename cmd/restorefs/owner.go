package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/fusefs"
)

// owner reads --uid and --gid: numbers or names. It returns nil if neither is given; if one is not
// given, it is that of this process.
func owner(c *cli.Context) (*fusefs.Owner, error) {
	if !c.IsSet("uid") && !c.IsSet("gid") {
		return nil, nil
	}
	o := &fusefs.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	for _, f := range []struct {
		flag string
		id   *uint32
		find func(name string) (string, error)
	}{
		{"uid", &o.UID, func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		}},
		{"gid", &o.GID, func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		}},
	} {
		text := c.String(f.flag)
		if text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			if text, err = f.find(text); err == nil {
				n, err = strconv.ParseUint(text, 10, 32)
			}
		}
		if err != nil || n == 1<<32-1 { // to chown(2) this means no change
			return nil, cmdline.Usagef("--%s %s is neither a number nor a name that is known here", f.flag, c.String(f.flag))
		}
		*f.id = uint32(n)
	}
	return o, nil
}

// fileMode reads --mode, an octal number.
func fileMode(c *cli.Context) (fs.FileMode, error) {
	text := c.String("mode")
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, cmdline.Usagef("--mode %s is no octal mode such as 0440", text)
	}
	if n&0o444 == 0 {
		return 0, cmdline.Usagef("--mode %s lets nobody read; 0400 lets the owner", text)
	}
	return fs.FileMode(n), nil
}

// ownerHelp explains what else other users need besides a mode.
const ownerHelp = `Files belong to whoever mounts and are for them alone. Others need both a MODE (or
--uid, --gid) that lets them read and --allow-other, which for anybody but root needs
the line user_allow_other in /etc/fuse.conf. Think first: backups hold secrets.`

func flagText(what string) string {
	return fmt.Sprintf("everything belongs to this `%s`, a number or a name", what)
}
