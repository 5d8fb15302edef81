package places

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
)

// DefaultCache returns where restorefs keeps what it could compute again. If sudo left HOME
// unchanged, it is below the home of the user that restorefs runs as, because directories of other
// users are not used.
func DefaultCache() string {
	if home := ownHome(); os.Getenv("XDG_CACHE_HOME") == "" && home != "" {
		return filepath.Join(home, ".cache", "restorefs")
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "restorefs")
	}
	return "/var/cache/restorefs"
}

// DefaultRecord returns where restorefs keeps what it cannot compute again without reading backups:
// for root, whether from a shell or as a service, it is one place.
func DefaultRecord() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "restorefs")
	}
	if os.Geteuid() == 0 {
		return "/var/lib/restorefs"
	}
	home := ownHome()
	if home == "" {
		home = os.Getenv("HOME")
	}
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state", "restorefs")
}

// ownHome returns the home of the user that restorefs runs as, if HOME is another user's; else "".
func ownHome() string {
	var st unix.Stat_t
	if unix.Stat(os.Getenv("HOME"), &st) != nil || int(st.Uid) == os.Geteuid() {
		return ""
	}
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return ""
	}
	return u.HomeDir
}

// InFull returns where a share is, independent of the working directory.
func InFull(s *locate.Share) string {
	if s.Parts != nil {
		var all []string
		for _, part := range s.Parts {
			all = append(all, InFull(part))
		}
		return strings.Join(all, "\n")
	}
	if abs, err := filepath.Abs(s.Dir); err == nil && s.Dir != "" {
		return abs
	}
	return s.Place()
}
