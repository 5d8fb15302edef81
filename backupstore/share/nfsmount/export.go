package nfsmount

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// Export is a directory of an NFS server.
type Export struct {
	Host string // name or address, without brackets
	Path string // absolute and clean
	spec string
}

// String returns the export as it was given.
func (e Export) String() string { return e.spec }

// URL returns the export as package nfs reads it, without the kernel.
func (e Export) URL() string {
	host := e.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return (&url.URL{Scheme: "nfs", Host: host, Path: e.Path}).String()
}

// IsExport reports whether s has the form of an export, HOST:/PATH, and not
// that of a path.
func IsExport(s string) bool {
	_, _, ok := split(s)
	return ok
}

// split splits HOST:/PATH; an IPv6 address is in brackets.
func split(s string) (host, dir string, ok bool) {
	if rest, bracket := strings.CutPrefix(s, "["); bracket {
		host, dir, ok = strings.Cut(rest, "]:")
	} else {
		host, dir, ok = strings.Cut(s, ":")
		if strings.ContainsAny(host, "/[]") {
			return "", "", false
		}
	}
	return host, dir, ok && host != "" && strings.HasPrefix(dir, "/")
}

// ParseExport parses HOST:/PATH, in which an IPv6 address is in brackets.
func ParseExport(s string) (Export, error) {
	host, dir, ok := split(s)
	bad := func(why string) (Export, error) {
		return Export{}, fmt.Errorf(
			"%q is no NFS export such as nfs1:/export/backups or [fd00::5]:/export: %s", s, why)
	}
	if !ok {
		return bad("there is no host, no colon or no absolute path")
	}
	if strings.HasPrefix(s, "[") {
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return bad("what is in brackets is no IPv6 address")
		}
	}
	if strings.HasPrefix(host, "-") || strings.ContainsFunc(s,
		func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.ContainsAny(host, " \t,") {
		return bad("there is a character in it that must not be")
	}
	for _, part := range strings.Split(dir, "/") {
		if part == ".." {
			return bad("there is a .. in it")
		}
	}
	return Export{Host: canonicalHost(host), Path: path.Clean(dir), spec: s}, nil
}

// canonicalHost normalises a host: an address to its canonical form, a name to
// lower case without a final dot.
func canonicalHost(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
