package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/live"
)

// fileSuffix is the end of a state file's name in the directory of all.
const fileSuffix = ".live"

// untilRestart begins the identity of a device of which nothing is known that outlives a restart of
// the machine.
const untilRestart = "boot "

// place is what was found out about a device, and its state file, before either is opened.
type place struct {
	device string // as it was named
	path   string // without links; "" if there is nothing of that name yet
	key    string // identifies it
	state  string // path of the state file
	known  live.Status
	begun  bool // the state file is there, and says known
}

// find finds the state file of a device, whether it is there or not. It makes nothing.
func (o Options) find(device string) (place, error) {
	p := place{device: device, state: o.State}
	var err error
	if p.key, p.path, err = materialize.Identify(device); err != nil {
		return p, err
	}
	if p.state == "" {
		if p.state, err = o.stateFor(p); err != nil {
			return p, err
		}
	}
	p.known, err = live.Inspect(p.state)
	switch {
	case err == nil:
		p.begun = true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, live.ErrNone):
	default:
		return p, fmt.Errorf("the state file %s: %w", p.state, err)
	}
	return p, nil
}

// stateFor returns where the state file of a device lies.
func (o Options) stateFor(p place) (string, error) {
	info, err := os.Stat(p.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() {
		path := p.path
		if path == "" {
			path = p.device
		}
		return path + stateSuffix, nil
	}
	if err != nil {
		return "", err
	}
	if o.Record.Dir == "" {
		return "", cmdline.Usagef("there is no directory for the state file: give --state FILE")
	}
	dir := filepath.Join(o.Record.Dir, stateSub)
	if p.key == "" {
		return "", cmdline.Usagef("nothing identifies %s: a restore onto it could not be gone on "+
			"with safely", p.device)
	}
	sum := sha256.Sum256([]byte(p.key))
	file := filepath.Join(dir, fmt.Sprintf("%x%s", sum[:12], fileSuffix))
	if _, err := os.Stat(file); err == nil || !strings.HasPrefix(p.key, untilRestart) {
		return file, nil
	}
	// It may have had another identity before the machine was restarted.
	for _, s := range o.all(dir) {
		if s.Names.Device == p.path && strings.HasPrefix(s.Key.Device, untilRestart) {
			return s.file, nil
		}
	}
	return file, nil
}

// found is a state file with what it says.
type found struct {
	live.Status
	file string
	err  error // why it says nothing
}

// all returns what the state files in a directory say.
func (o Options) all(dir string) (out []found) {
	files, _ := filepath.Glob(filepath.Join(dir, "*"+fileSuffix))
	for _, file := range files {
		s, err := live.Inspect(file)
		out = append(out, found{s, file, err})
	}
	return out
}

// makeDir makes the directory of the state file, unless the operator named a file.
func (o Options) makeDir(ctx context.Context, share *locate.Share, p place) error {
	if err := places.Outside(ctx, share, p.state); err != nil {
		return fmt.Errorf("the state file: %w", err)
	}
	dir := filepath.Dir(p.state)
	if o.State == "" && strings.HasSuffix(p.state, fileSuffix) {
		if err := places.MakeOwn(ctx, share, o.Record.Group, "record", dir); err != nil {
			return err
		}
	}
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil &&
		(st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC) {
		o.Source.Logger.Warn("the state file lies in memory: after a restart of this machine the "+
			"restore cannot be gone on with, and what the guest wrote is lost; give --state FILE "+
			"on a disk", "file", p.state)
	}
	return nil
}
