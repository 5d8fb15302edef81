package nfs

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
)

// Scheme is how a share begins that this package reads.
const Scheme = "nfs://"

// Spec is what a URL of a share says: nfs://HOST[:PORT]/EXPORT[/DIR][?NAME=VALUE&...].
type Spec struct {
	Host string // name or address, without brackets
	Path string // absolute and clean
	// Version is "" for the newest that the server has, or one of "3", "4", "4.0", "4.1"; "4" is
	// the newest of 4.
	Version            string
	NFSPort, MountPort int // 0: not given
	Identity           rpc.Identity

	text string
}

// String returns the URL as it was given.
func (s Spec) String() string { return s.text }

// Export is the directory as fstab(5) has it, HOST:/EXPORT[/DIR].
func (s Spec) Export() string {
	host := s.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + s.Path
}

// Parse parses a URL. Its errors say how one is written.
func Parse(text string) (Spec, error) {
	bad := func(format string, args ...any) (Spec, error) {
		return Spec{}, fmt.Errorf(
			"%q is no NFS share such as nfs://nfs1/export/backups?uid=64061&gid=64061: %s",
			text, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("%v", cmp.Or(cause(err), err))
	}
	s := Spec{Host: u.Hostname(), Path: path.Clean("/" + u.Path), Identity: rpc.Self(), text: text}
	switch {
	case u.Scheme != "nfs":
		return bad("it does not begin with %s", Scheme)
	case s.Host == "":
		return bad("there is no host")
	case u.User != nil || u.Fragment != "" || u.Opaque != "":
		return bad("there is a user or a # in it")
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return bad("there is a .. in it")
	case strings.ContainsFunc(s.Host+s.Path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("there is a character in it that must not be")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("%v", err)
	}
	if p := u.Port(); p != "" {
		values["nfsport"] = append(values["nfsport"], p)
	}
	for name, v := range values {
		if len(v) != 1 {
			return bad("%s is given %d times", name, len(v))
		}
		if err := s.set(name, v[0]); err != nil {
			return bad("%v", err)
		}
	}
	return s, nil
}

// cause is what is wrong with a URL, without the URL.
func cause(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return nil
}

func (s *Spec) set(name, value string) error {
	switch name {
	case "version":
		if !slices.Contains([]string{"3", "4", "4.0", "4.1"}, value) {
			return fmt.Errorf("version=%s is none of 3, 4, 4.0, 4.1", value)
		}
		s.Version = value
	case "uid":
		// Another user is not in the groups that this process is in, nor root's.
		s.Identity.GIDs = nil
		return number(name, value, &s.Identity.UID)
	case "gid":
		s.Identity.GIDs = nil
		return number(name, value, &s.Identity.GID)
	case "nfsport":
		return port(name, value, &s.NFSPort)
	case "mountport":
		return port(name, value, &s.MountPort)
	default:
		return fmt.Errorf("%s is none of version, uid, gid, nfsport, mountport", name)
	}
	return nil
}

func number(name, value string, to *uint32) error {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return fmt.Errorf("%s=%s is no number of 32 bits", name, value)
	}
	*to = uint32(n)
	return nil
}

func port(name, value string, to *int) error {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%s=%s is no port", name, value)
	}
	*to = int(n)
	return nil
}
