package device

import (
	"os"
	"strings"
)

// serialBytes is the number of bytes that virtio-blk and NVMe keep of a serial number: VIRTIO 1.2,
// 5.2.6 (VIRTIO_BLK_T_GET_ID); NVMe base specification, Identify Controller.
const serialBytes = 20

// serialNumbers returns the serial numbers that the kernel knows of a block device; dir is its
// directory in sysfs. They are from virtio, NVMe, and page 0x80 of SCSI's vital product data
// (SPC-4, 7.8.18). A partition has those of its disk.
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

// sysfsText returns the text of a file in sysfs, "" if the file does not exist.
func sysfsText(dir, file string) string { return trimmed(sysfsFile(dir, file)) }

// sysfsFile does not clean the path: dir may be a symbolic link, and ".." must mean the directory
// above its target.
func sysfsFile(dir, file string) string {
	text, _ := os.ReadFile(dir + "/" + file) // a missing file is like an empty one
	return string(text)
}

func trimmed(text string) string { return strings.Trim(text, " \n\x00") }
