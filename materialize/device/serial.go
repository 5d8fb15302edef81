package device

import (
	"os"
	"strings"
)

// serialBytes is what virtio-blk and NVMe keep of a serial number: VIRTIO 1.2,
// 5.2.6 (VIRTIO_BLK_T_GET_ID); NVMe base specification, Identify Controller.
const serialBytes = 20

// serialNumbers are those that the kernel knows of a block device, of which dir is
// the directory in sysfs: of virtio, of NVMe, of SCSI in the vital product data
// page 0x80 (SPC-4, 7.8.18). A partition has those of its disk.
func serialNumbers(dir string) (serials []string) {
	disk := ""
	if sysfsText(dir, "partition") != "" {
		disk = "../"
	}
	for _, file := range []string{"serial", "device/serial", "device/vpd_pg80"} {
		const head = 4 // bytes of the page: peripheral type, page code, length
		text := sysfsFile(dir, disk+file)
		if file == "device/vpd_pg80" {
			text = text[min(head, len(text)):]
		}
		if serial := trimmed(text); serial != "" {
			serials = append(serials, serial)
		}
	}
	return serials
}

// sysfsText is what a file of sysfs says, "" when it is not there.
func sysfsText(dir, file string) string { return trimmed(sysfsFile(dir, file)) }

// sysfsFile does not clean the path: dir may be a symbolic link, and what is above
// it is above the directory that it leads to.
func sysfsFile(dir, file string) string {
	text, _ := os.ReadFile(dir + "/" + file) // what is not there says nothing
	return string(text)
}

func trimmed(text string) string { return strings.Trim(text, " \n\x00") }
