package places

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
)

// DefaultCache returns where restorefs keeps what it could compute again. If sudo left HOME
// unchanged, it is below the home of the user that restorefs runs as, because directories of other
// users are not used.
func DefaultCache() string {
	if os.Getenv("XDG_CACHE_HOME") == "" {
		var st unix.Stat_t
		if unix.Stat(os.Getenv("HOME"), &st) == nil && int(st.Uid) != os.Geteuid() {
			if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil &&
				filepath.IsAbs(u.HomeDir) {
				return filepath.Join(u.HomeDir, ".cache", "restorefs")
			}
		}
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "restorefs")
	}
	return "/var/cache/restorefs"
}

// InFull returns where a share is, independent of the working directory.
func InFull(s *locate.Share) string {
	if abs, err := filepath.Abs(s.Dir); err == nil && s.Dir != "" {
		return abs
	}
	return s.Place()
}
