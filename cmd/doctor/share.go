package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

func deviceName(device uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))
}

// cinderConf says what Cinder's configuration says of its backups. wanted: nothing else says where
// they are, or the file was named.
func cinderConf(path string, wanted bool) Finding {
	const check = "cinder-conf"
	conf, err := cinderconf.Load(path)
	bad := note
	if wanted {
		bad = problem
	}
	switch {
	case err == nil && conf.Share != "":
		text := ""
		if conf.MountPoint != "" {
			text = ", on " + conf.MountPoint
		}
		return ok(check, "%s: the export %s%s", path, conf.Share, text)
	case err == nil && conf.Path != "":
		return ok(check, "%s: the directory %s", path, conf.Path)
	case err == nil:
		return ok(check, "%s: a bucket or container, of the driver %s", path, conf.Driver)
	case errors.Is(err, fs.ErrNotExist) && !wanted:
		return ok(check, "there is no %s, and --share says where the backups are", path)
	case errors.Is(err, fs.ErrNotExist):
		return bad(check, "--share says where the backups are (or RESTOREFS_SHARE)",
			"there is no %s", path)
	case errors.Is(err, fs.ErrPermission):
		return bad(check, "run restorefs as root, or as the user cinder", "%v", err)
	}
	return bad(check, "--share says where the backups are (or RESTOREFS_SHARE)", "%v", err)
}

// look is what was found out about the share.
type look struct {
	share    *locate.Share // nil: it was not reached
	backups  []*backupstore.Backup
	findings []Finding
}

// lookAtShare opens the share and looks at it, for so long at most. The caller closes the
// catalogue, if it is not nil.
func lookAtShare(ctx context.Context, o Options) (look, *backupstore.Catalog) {
	soon, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	began := time.Now()
	// Nothing is kept, and what would be logged is in the findings.
	catalog, share, err := source.Open(soon, source.Options{
		Share: o.Share, Cache: places.Cache{}, Logger: slog.New(slog.DiscardHandler),
	}, backupstore.Options{NoIndexBuild: true})
	if err != nil {
		return look{findings: []Finding{unreached(soon, o, err)}}, nil
	}
	took := time.Since(began).Round(time.Millisecond)
	out := look{share: share, backups: catalog.Backups()}
	out.findings = []Finding{
		ok("share", "%s, looked at in %v", share.Place(), took), backups(catalog, o.ShareFlags),
	}
	return out, catalog
}

// unreached says why there is no share.
func unreached(ctx context.Context, o Options, err error) Finding {
	if ctx.Err() != nil {
		return problem("share", fmt.Sprintf("is its server up? Else give it longer: "+
			"restorefs doctor --wait %v", max(10*o.Wait, time.Minute)),
			"it has not been looked at within %v: %v", o.Wait, err)
	}
	next := "restorefs doctor --share DIRECTORY (or NFSHOST:/EXPORT, nfs://NFSHOST/EXPORT)"
	if errors.Is(err, fs.ErrPermission) {
		next = "run restorefs as root or as the user that cinder-backup runs as"
	}
	return problem("share", next, "%v", err)
}

// backups says what there is on the share.
func backups(catalog *backupstore.Catalog, flags []string) Finding {
	const check = "backups"
	all, volumes := catalog.Backups(), map[string]bool{}
	count := map[backupstore.State]int{}
	for _, b := range all {
		count[b.State]++
		volumes[b.VolumeID] = true
	}
	text := fmt.Sprintf("%s of %s: %d complete, %d broken, %d incomplete",
		wording.Count(len(all), "backup"), wording.Count(len(volumes), "volume"),
		count[backupstore.Complete], count[backupstore.Broken], count[backupstore.Incomplete])
	unread := catalog.Unread()
	switch {
	case len(unread) > 0:
		return problem(check, "run restorefs as root or as the user that cinder-backup runs as",
			"%s; not all of the share could be looked at: %v", text, unread[0])
	case len(all) == 0:
		return problem(check, "mount; ls: is the share mounted, and is this its directory?",
			"no backups on %s", catalog)
	case count[backupstore.Broken] > 0:
		command := append([]string{"restorefs", "list", "--state", "broken"}, flags...)
		return note(check, wording.ShellCommand(command), "%s", text)
	}
	return ok(check, "%s", text)
}
