package doctor

import (
	"context"
	"runtime"
	"strings"

	"github.com/restorefs/restorefs/cmd/wording"
)

// Examine returns a finding for each check, in an order that does not change. It fails only if ctx
// ends.
func Examine(ctx context.Context, o Options) ([]Finding, error) {
	m := o.Machine
	all := []Finding{ourselves(m, o.Version)}
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

func ourselves(m Machine, version string) Finding {
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
