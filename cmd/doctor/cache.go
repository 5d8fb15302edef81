package doctor

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

// cacheBytes is what indexes take at most, and what was seen on shares.
const cacheBytes = 1 << 30

// cache says whether restorefs could keep there what it could compute again. s may be nil.
func cache(ctx context.Context, m Machine, c places.Cache, s *locate.Share) Finding {
	const check, another = "cache", "choose another directory: --cache-dir DIRECTORY"
	if c.Dir == "" {
		return note(check, another, "none: whatever is decoded is decoded anew by each command")
	}
	if s != nil {
		if err := places.Outside(ctx, s, c.Dir); err != nil {
			return problem(check, another, "%v", err)
		}
	}
	if err := c.Check(); err != nil {
		bad := note // commands work without
		if c.Named {
			bad = problem
		}
		return bad(check, another, "%v", err)
	}
	dir, made := existing(c.Dir)
	if unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
		return note(check, another, "%s cannot be written to: whatever is decoded is decoded "+
			"anew by each command", dir)
	}
	free, err := m.Free(dir)
	state := "is there"
	if !made {
		state = "will be made"
	}
	switch {
	case err != nil:
		return note(check, another, "%s %s; how much is free there, is not known: %v", c.Dir, state,
			err)
	case free < cacheBytes:
		return note(check, another, "%s %s, with %s free; it may take %s", c.Dir, state,
			wording.Size(free), wording.Size(cacheBytes))
	}
	return ok(check, "%s %s, with %s free", c.Dir, state, wording.Size(free))
}

// existing returns a directory, or the nearest one above it that is there; made says that it is the
// directory itself.
func existing(dir string) (nearest string, made bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return dir, false
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			return at, at == dir
		}
	}
}
