package contents

import (
	"encoding/binary"
	"strings"
)

// fat: fs/fat/fat.h of Linux. Both Linux (fat_set_state) and Windows set the
// lowest bit of the state at a mount and clear it at an unmount.
func fat(_ *disk, head []byte) (Contents, bool) {
	le := binary.LittleEndian
	sector, cluster, fats, media := le.Uint16(head[11:]), head[13], head[16], head[21]
	if head[510] != 0x55 || head[511] != 0xAA || sector < 512 || sector > 4096 ||
		sector&(sector-1) != 0 ||
		cluster == 0 || cluster&(cluster-1) != 0 || le.Uint16(head[14:]) == 0 || fats == 0 ||
		fats > 2 || media < 0xF8 && media != 0xF0 {
		return Contents{}, false
	}
	c := Contents{Kind: "FAT", State: Clean, Label: strings.TrimRight(string(head[43:54]), " ")}
	state := head[37]
	if le.Uint16(head[22:]) == 0 { // FAT32 has the size of a FAT elsewhere
		c.Kind, c.Label = "FAT32", strings.TrimRight(string(head[71:82]), " ")
		state = head[65]
	}
	if c.Label == "NO NAME" {
		c.Label = ""
	}
	if state&1 != 0 {
		c.State, c.Detail = InUse, "it is marked as not unmounted: run fsck.fat on it"
	}
	return c, true
}

// exfat: "exFAT file system specification" of Microsoft, 3.1.13: VolumeFlags.
func exfat(_ *disk, head []byte) (Contents, bool) {
	if string(head[3:11]) != "EXFAT   " {
		return Contents{}, false
	}
	c := Contents{Kind: "exFAT", State: Clean}
	if binary.LittleEndian.Uint16(head[106:])&2 != 0 {
		c.State, c.Detail = InUse, "it is marked as not unmounted: run fsck.exfat on it"
	}
	return c, true
}
