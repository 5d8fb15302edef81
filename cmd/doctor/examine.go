package doctor

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Options say what the machine is examined for.
type Options struct {
	Machine Machine
	Version string // of the program
	Share   locate.Options
	// ShareFlags are the words that name the share in other commands.
	ShareFlags []string
	Cache      places.Cache
	Memory     int64         // in bytes, that a command would use
	Wait       time.Duration // for the share
	// Cloud logs in to the cloud; nil: only credentials are looked for.
	Cloud func(context.Context) error
}

// Examine returns a finding for each check, in an order that does not change. It fails only if ctx
// ends.
func Examine(ctx context.Context, o Options) ([]Finding, error) {
	m := o.Machine
	all := []Finding{program(m, o.Version)}
	all = append(all, fuse(m)...)
	all = append(all, nfsClient(m))
	if o.Share.Config != "" {
		all = append(all, cinderConf(o.Share.Config, o.Share.NeedConfig || o.Share.Share == ""))
	}
	seen, catalog := lookAtShare(ctx, o)
	if catalog != nil {
		defer catalog.Close()
	}
	all = append(all, seen.findings...)
	all = append(all, readAhead(m, seen.share), cloud(ctx, m, o.Cloud), qemuImg(m))
	all = append(all, limits(m)...)
	all = append(all, memory(m, o.Memory), cache(ctx, m, o.Cache, seen.share),
		clock(m, seen.backups))
	return all, ctx.Err()
}

func program(m Machine, version string) Finding {
	release := strings.TrimSpace(m.read("/proc/sys/kernel/osrelease"))
	return ok("program", "restorefs %s, Linux %s, %s, %s", version, release, runtime.GOARCH,
		wording.Count(runtime.NumCPU(), "processor"))
}

func qemuImg(m Machine) Finding {
	const check = "qemu-img"
	if path := m.program("qemu-img"); path != "" {
		return ok(check, "%s", path)
	}
	return note(check, "apt install qemu-utils (or dnf install qemu-img)",
		"not there: materialize --format qcow2 needs it, nothing else does")
}
