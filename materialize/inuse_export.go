package materialize

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// export is a device or file that the kernel serves to other machines. No process has it open, and
// not every target module opens devices exclusively.
type export struct {
	id   identity
	what string // in words, "the LIO backstore iblock_0/disk"
}

// readExports reads what the kernel's targets are configured to serve: LIO (kernel:
// drivers/target/target_core_configfs.c), nvmet (drivers/nvme/target/configfs.c), the USB mass
// storage gadget (Documentation/usb/mass-storage.rst) and SCST.
func (h host) readExports(m *machine) {
	config := filepath.Join(h.sys, "kernel/config")
	for dir, module := range map[string]string{"target": "target_core_mod", "nvmet": "nvmet"} {
		_, err := os.ReadDir(filepath.Join(config, dir))
		_, loaded := os.Stat(filepath.Join(h.sys, "module", module))
		if err != nil && loaded == nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.cannotSee("what this machine exports by %s (%v)", dir, cause(err))
		}
	}
	h.readLIO(m, filepath.Join(config, "target/core"))
	for _, path := range h.glob(config, "nvmet/subsystems/*/namespaces/*/device_path") {
		if dir := filepath.Dir(path); firstLine(filepath.Join(dir, "enable")) != "0" {
			nsid, subsystem := filepath.Base(dir), filepath.Base(filepath.Dir(filepath.Dir(dir)))
			m.exported(firstLine(path), fmt.Sprintf("NVMe namespace %s of %s (nvmet)",
				nsid, subsystem))
		}
	}
	for _, path := range h.glob(config, "usb_gadget/*/functions/mass_storage.*/lun.*/file") {
		m.exported(firstLine(path), "a USB mass storage gadget")
	}
	for _, path := range h.glob(h.sys, "kernel/scst_tgt/devices/*/filename") {
		m.exported(firstLine(path), fmt.Sprintf("the SCST device %s",
			filepath.Base(filepath.Dir(path))))
	}
}

func (h host) glob(root, pattern string) []string {
	found, _ := filepath.Glob(filepath.Join(root, pattern)) // patterns are constant and valid
	return found
}

func firstLine(path string) string {
	text, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// exported notes that the device or file of a name is exported.
func (m *machine) exported(path, what string) {
	if path == "" || path == "(null)" { // nvmet and LIO show this if it is not set yet
		return
	}
	id, ok := identifyPath(path)
	if !ok {
		m.cannotSee("what %s is, which %s serves", path, what)
		return
	}
	m.exports = append(m.exports, export{id, what})
}

var (
	scsiAddress = regexp.MustCompile(`^\d+:\d+:\d+:\d+$`)
	// The text that the back ends print into info (target_core_iblock.c, _file.c, _pscsi.c).
	lioDevice = regexp.MustCompile(`Major: (\d+) Minor: (\d+)`)
	lioFile   = regexp.MustCompile(`(?:File|UDEV PATH): (\S+)`)
	lioPscsi  = regexp.MustCompile(`Channel ID: (\d+) Target ID: (\d+) LUN: (\d+) Host ID: (\d+)`)
)

// readLIO reads the backstores: core/HBA/NAME, where the HBA is iblock_0,
// fileio_1 and so on.
func (h host) readLIO(m *machine, core string) {
	for _, dir := range h.glob(core, "*_*/*") {
		hba, name := filepath.Base(filepath.Dir(dir)), filepath.Base(dir)
		text, err := os.ReadFile(filepath.Join(dir, "info"))
		if err != nil {
			continue // not a backstore: alua, or a statistic
		}
		info, what := string(text), fmt.Sprintf("the LIO backstore %s/%s", hba, name)
		if strings.Contains(info, "DEACTIVATED") {
			continue
		}
		known := false
		for _, f := range lioDevice.FindAllStringSubmatch(info, -1) {
			if rdev, ok := parseDevno(f[1] + ":" + f[2]); ok && rdev != 0 {
				m.exports, known = append(m.exports, export{identity{rdev: rdev}, what}), true
			}
		}
		if f := lioPscsi.FindStringSubmatch(info); f != nil {
			for _, b := range m.blocks {
				if b.scsi == fmt.Sprintf("%s:%s:%s:%s", f[4], f[1], f[2], f[3]) {
					m.exports, known = append(m.exports, export{identity{rdev: b.rdev}, what}), true
				}
			}
		}
		if known { // a number is better than a name
			continue
		}
		paths := []string{firstLine(filepath.Join(dir, "udev_path"))}
		for _, f := range lioFile.FindAllStringSubmatch(info, -1) {
			if !slices.Contains(paths, f[1]) {
				paths = append(paths, f[1])
			}
		}
		for _, path := range paths {
			m.exported(path, what)
		}
	}
}

// exportsOf adds the exports of a target, of its partitions and of the disk that it is a part of.
func (u *usage) exportsOf(target identity) {
	related := u.m.related(target)
	for id := range u.seen { // and of devices that stand on it
		related[identity{rdev: id}] = true
	}
	for _, e := range u.m.exports {
		if !related[e.id] {
			continue
		}
		name := "it"
		if e.id.rdev != 0 {
			name = u.name(e.id.rdev)
		}
		u.add(ReasonHeld, "%s serves %s to others", e.what, name)
	}
}
