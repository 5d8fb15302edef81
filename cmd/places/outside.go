package places

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/fusefs"
)

// Outside refuses a path on the share, which must never be written. It is called for every
// file, device and directory that a command writes, or writes files in; they need not exist yet.
func Outside(ctx context.Context, s *locate.Share, path string) error {
	for _, part := range s.Each() {
		if err := outside(ctx, part, path); err != nil {
			return err
		}
	}
	return nil
}

func outside(ctx context.Context, s *locate.Share, path string) error {
	is, how, err := onShare(ctx, s, path)
	if err != nil {
		return fmt.Errorf("find out whether %s is on the share: %w", path, err)
	}
	if is {
		return cmdline.Usagef("%s is on the share %s%s, to which nothing is ever written: "+
			"choose another place",
			path, s.Place(), how)
	}
	return nil
}

// OutsideExport is Outside for an export that is not mounted yet, and a directory that is made to
// mount it in.
func OutsideExport(dir, export string) error {
	is, err := fusefs.InsideExport(dir, export)
	if err != nil {
		return fmt.Errorf("find out whether %s is on the share: %w", dir, err)
	}
	if is {
		return cmdline.Usagef("%s, in which restorefs would mount it, is on the share %s itself, "+
			"to which nothing is ever written", dir, export)
	}
	return nil
}

// onShare reports whether a path is on the share, and how if that is not obvious.
func onShare(ctx context.Context, s *locate.Share, path string) (is bool, how string, err error) {
	inside := func(path string) (bool, error) {
		if s.Dir == "" {
			return fusefs.InsideExport(path, s.Source)
		}
		return fusefs.Inside(path, s.Dir)
	}
	if is, err := inside(path); is || err != nil {
		// A path that cannot be resolved cannot be written either; opening it later gives the
		// reason.
		if _, unresolved := errors.AsType[*fs.PathError](err); unresolved {
			return false, "", nil
		}
		return is, "", err
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false, "", nil
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		behind := loopFile(st.Rdev)
		if behind == "" {
			return false, "", nil
		}
		if is, err := inside(behind); is {
			return true, fmt.Sprintf(" (it is a loop device on %s)", behind), nil
		} else if _, unresolved := errors.AsType[*fs.PathError](err); !unresolved {
			return false, "", err
		}
	case unix.S_IFREG:
		if st.Nlink > 1 && s.Dir != "" {
			how, err := hardLinked(ctx, s.Dir, &st)
			return how != "", how, err
		}
	}
	return false, "", nil
}

// loopFile returns the file behind a loop device or a partition of one, or "".
func loopFile(rdev uint64) string {
	device := fmt.Sprintf("/sys/dev/block/%d:%d/", unix.Major(rdev), unix.Minor(rdev))
	for _, up := range []string{"", "../"} {
		if text, err := os.ReadFile(device + up + "loop/backing_file"); err == nil {
			return strings.TrimSuffix(string(text), "\n")
		}
	}
	return ""
}

// hardLinked looks for another name of a file on the share. It has to list the share, and does so
// only if both are on one file system.
func hardLinked(ctx context.Context, dir string, file *unix.Stat_t) (how string, err error) {
	var root unix.Stat_t
	if unix.Stat(dir, &root) != nil || root.Dev != file.Dev {
		return "", nil
	}
	// Files that cannot be read are not compared.
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && unix.Lstat(path, &st) == nil && st.Dev == file.Dev && st.Ino == file.Ino {
			how = fmt.Sprintf(" (it is another name of %s)", path)
			return fs.SkipAll
		}
		return ctx.Err()
	})
	return how, err
}
