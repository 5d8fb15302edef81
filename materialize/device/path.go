package device

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The places in Cinder's default configuration: volume_group of the LVM driver,
// and nfs_mount_point_base of the NFS driver below the state_path of Debian and
// RDO.
const (
	lvmTemplate = "/dev/cinder-volumes/volume-{id}"
	nfsTemplate = "/var/lib/cinder/mnt/*/volume-{id}"
	cephPool    = "volumes"
)

// defaultWait is how long a device may take to appear: udev may be slow on a
// busy machine, and an NFS client caches attributes (acdirmax, 60 s).
const defaultWait = 70 * time.Second

// ErrHow is wrapped by Parse's errors.
var ErrHow = errors.New("a place is lvm, nfs, ceph, ceph:POOL, or a path with {id} in it")

// Parse returns the Finder of a place: lvm, nfs, ceph or ceph:POOL, or a path
// with {id} in it, which may be a pattern of filepath.Match.
func Parse(how string) (Finder, error) {
	switch {
	case how == "lvm":
		return &Path{Template: lvmTemplate}, nil
	case how == "nfs":
		return &Path{Template: nfsTemplate}, nil
	case how == "ceph":
		return &Ceph{Pool: cephPool}, nil
	case strings.HasPrefix(how, "ceph:"):
		pool := strings.TrimPrefix(how, "ceph:")
		if pool == "" || strings.HasPrefix(pool, "-") || strings.ContainsAny(pool, "@ ") {
			return nil, fmt.Errorf("%q: %w", how, ErrHow)
		}
		return &Ceph{Pool: pool}, nil
	}
	_, err := filepath.Match(how, "")
	if err != nil || !filepath.IsAbs(how) || !strings.Contains(how, "{id}") {
		return nil, fmt.Errorf("%q: %w", how, ErrHow)
	}
	return &Path{Template: how}, nil
}

// Path finds volumes by a path that has their id in it.
type Path struct {
	Template string        // with {id}; may be a pattern
	Wait     time.Duration // how long to wait for the device; 0: 70 s
}

// String implements Finder.
func (p *Path) String() string { return p.Template }

// Check implements Finder: the directory must exist or, if it is a pattern,
// match one.
func (p *Path) Check(ctx context.Context) error {
	dir := filepath.Dir(p.Template)
	if strings.Contains(dir, "{id}") {
		return nil
	}
	found, err := apart(ctx, func() ([]string, error) { return filepath.Glob(dir) })
	if err != nil {
		return fmt.Errorf("look for %s: %w", dir, err)
	}
	if len(found) == 0 && !isGroup(ctx, dir) {
		return fmt.Errorf("there is no %s on this machine, so no volume will show at %s: %s", dir,
			p.Template, p.hint())
	}
	return nil
}

// isGroup asks LVM whether dir is a volume group: a group without an active
// volume has no directory.
func isGroup(ctx context.Context, dir string) bool {
	group, ok := strings.CutPrefix(dir, "/dev/")
	if !ok || strings.ContainsAny(group, "/*?[\\") {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "vgs", "--", group).Run() == nil
}

func (p *Path) hint() string {
	switch {
	case p.Template == nfsTemplate:
		return "give the place below nfs_mount_point_base of cinder.conf as a path with {id}, " +
			"on the machine where cinder-volume has the share mounted"
	case strings.HasPrefix(p.Template, "/dev/"):
		return "is this the storage node that has the volume, and is that the volume group " +
			"(volume_group of cinder.conf)? lvs shows them; an inactive one appears with " +
			"lvchange -ay -K"
	}
	return "is this the machine that has the volume, and is that the place?"
}

// Find implements Finder.
func (p *Path) Find(ctx context.Context, v Sought) (*Device, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	pattern := strings.ReplaceAll(p.Template, "{id}", v.ID)
	wait := p.Wait
	if wait == 0 {
		wait = defaultWait
	}
	begin := time.Now()
	path, ok, err := await(ctx, wait, func() (string, bool, error) { return one(pattern, v) })
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &NotFoundError{Volume: v.ID, Where: pattern,
			After: time.Since(begin).Round(time.Second), Hint: p.hint()}
	}
	return apart(ctx, func() (*Device, error) { return look(path, v) })
}

// one finds the only match of a pattern. Several names of the same device, such
// as udev's, count as one.
func one(pattern string, v Sought) (string, bool, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil || len(matches) == 0 {
		return "", false, err
	}
	var real []string
	for _, m := range matches {
		r, err := filepath.EvalSymlinks(m)
		if err != nil { // it has just vanished, or its target does not exist yet
			return "", false, nil
		}
		real = append(real, r)
	}
	slices.Sort(real)
	if real = slices.Compact(real); len(real) > 1 {
		return "", false, &WrongError{Volume: v.ID, Path: pattern,
			Reason: "it matches several: " + strings.Join(real, ", ")}
	}
	return matches[0], true, nil
}
