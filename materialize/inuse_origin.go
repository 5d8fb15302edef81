package materialize

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// origin is where a device's bytes come from if they are not of this machine alone. Others may use
// them there, and two devices may show the same ones.
type origin struct {
	what string // in words, "the rbd image volumes/volume-1"; "" if it is nothing special
	key  string // the same for all devices that show the same bytes, "" if that cannot be told
	ask  string // how to find out who else uses it, "" if this machine alone does
}

var (
	rbdDevice    = regexp.MustCompile(`^rbd(\d+)$`)
	zvolDevice   = regexp.MustCompile(`^zd\d+$`)
	iscsiSession = regexp.MustCompile(`/(session(\d+))/target`)
)

// originOf finds the origin of a block device that is no partition, whose directory in sysfs is
// dir.
func (h host) originOf(m *machine, dir string, b *block) origin {
	if f := rbdDevice.FindStringSubmatch(b.name); f != nil {
		return h.rbdImage(m, filepath.Join(h.sys, "bus/rbd/devices", f[1]), b)
	}
	if zvolDevice.MatchString(b.name) {
		return h.zvol(b)
	}
	o := origin{}
	// Other kinds of identifier are not unique: some are a vendor's name and a model.
	if id := firstLine(filepath.Join(dir, "device/wwid")); b.scsi != "" &&
		(strings.HasPrefix(id, "naa.") || strings.HasPrefix(id, "eui.")) {
		o.key = fmt.Sprintf("%s %s", id, firstLine(filepath.Join(dir, "size")))
	}
	if f := iscsiSession.FindStringSubmatch(dir); f != nil && b.scsi != "" {
		h.iscsiLUN(m, f[1], f[2], b, &o)
	}
	return o
}

// rbdImage reads what an rbd device shows (Documentation/ABI/testing/sysfs-bus-rbd).
func (h host) rbdImage(m *machine, dir string, b *block) origin {
	read := func(name string) string { return firstLine(filepath.Join(dir, name)) }
	pool, image := read("pool"), read("name")
	if pool == "" || image == "" {
		m.cannotSee("which rbd image /dev/%s shows", b.name)
		return origin{what: "an rbd image", ask: "rbd status"}
	}
	name := pool + "/"
	if ns := read("pool_ns"); ns != "" {
		name += ns + "/"
	}
	name += image
	o := origin{what: "the rbd image " + name, ask: "rbd status " + name}
	snap := read("current_snap")
	if snap != "" && snap != "-" {
		o.what += "@" + snap
	}
	o.key = fmt.Sprintf("rbd %s %s %s", read("cluster_fsid"), name, snap)
	return o
}

// iscsiLUN completes the origin of a disk that an iSCSI session has brought
// (drivers/scsi/scsi_transport_iscsi.c).
func (h host) iscsiLUN(m *machine, session, number string, b *block, o *origin) {
	lun := b.scsi[strings.LastIndexByte(b.scsi, ':')+1:]
	o.ask = "the storage system tells"
	target := firstLine(filepath.Join(h.sys, "class/iscsi_session", session, "targetname"))
	if target == "" {
		m.cannotSee("which iSCSI target /dev/%s is of", b.name)
		o.what = "a LUN of an iSCSI target"
		return
	}
	o.what = fmt.Sprintf("LUN %s of the iSCSI target %s", lun, target)
	if o.key == "" {
		o.key = fmt.Sprintf("iscsi %s %s", target, lun)
	}
	for _, dir := range h.glob(h.sys, "class/iscsi_connection/connection"+number+":*") {
		address := firstLine(filepath.Join(dir, "persistent_address"))
		if port := firstLine(filepath.Join(dir, "persistent_port")); address != "" {
			o.what += fmt.Sprintf(" at %s:%s", address, port)
			return
		}
	}
}

// zvol finds the name of a ZFS volume, for which udev makes a link.
func (h host) zvol(b *block) origin {
	o := origin{what: "a ZFS volume"}
	top := filepath.Join(h.dev, "zvol")
	filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type() != fs.ModeSymlink {
			return nil // a directory that cannot be read costs the name, nothing else
		}
		if to, err := filepath.EvalSymlinks(path); err == nil && filepath.Base(to) == b.name {
			name, _ := filepath.Rel(top, path)
			o.what = "the ZFS volume " + name
			return fs.SkipAll
		}
		return nil
	})
	return o
}

// readPools reads which ZFS pools are imported. Which devices and files they are on is told by no
// file of the kernel.
func (h host) readPools(m *machine) {
	for _, state := range h.glob(h.proc, "spl/kstat/zfs/*/state") {
		m.pools = append(m.pools, filepath.Base(filepath.Dir(state)))
	}
	slices.Sort(m.pools)
}

// twins returns the other devices that show the same bytes as one does.
func (m *machine) twins(rdev uint64) (out []*block) {
	key := m.key(rdev)
	for _, b := range m.sorted() {
		if key != "" && b.rdev != rdev && m.key(b.rdev) == key {
			out = append(out, b)
		}
	}
	return out
}

// key identifies the bytes that a device shows, "" if these are known by the device alone.
func (m *machine) key(rdev uint64) string {
	b := m.blocks[rdev]
	switch {
	case b == nil:
		return ""
	case b.whole == 0:
		return b.origin.key
	}
	if whole := m.blocks[b.whole]; whole != nil && whole.origin.key != "" {
		return fmt.Sprintf("%s partition %d", whole.origin.key, b.partition)
	}
	return ""
}

// elsewhere tells what a target is, or lies on, that others may use without this machine knowing.
func (m *machine) elsewhere(target identity) (notes []string) {
	if target.rdev == 0 { // where a file lies is no matter of the file
		if len(m.pools) > 0 {
			notes = append(notes,
				fmt.Sprintf("cannot see on which disks and files the ZFS pools %s are "+
					"(zpool status -P tells): make sure that the target is none of them",
					strings.Join(m.pools, ", ")))
		}
		return notes
	}
	under := map[identity]bool{}
	m.below(target, under)
	for _, b := range m.sorted() {
		o := b.origin
		if o.what == "" || !under[identity{rdev: b.rdev}] {
			continue
		}
		note := "it is " + o.what
		if b.rdev != target.rdev {
			note = "it is on " + o.what
		}
		if o.ask != "" {
			note += fmt.Sprintf("; cannot see whether other machines use that (%s)", o.ask)
		}
		if !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}
