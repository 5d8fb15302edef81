package xfs

import (
	"fmt"
	"strings"
)

// Bits of the version of a superblock, and of its features (xfs_format.h).
const (
	versionMask  = 0xf
	versionAttr  = 0x10
	versionAlign = 0x80
	versionLogV2 = 0x400
	versionExtFl = 0x1000
	versionDirV2 = 0x2000
	versionCI    = 0x4000
	versionMore  = 0x8000
	versionKnown = 0xfff0 &^ 0x200 // all but the shared version

	more2FType = 0x200
	more2Known = 0x2 | 0x8 | 0x80 | more2FType

	incompatFType     = 0x1
	incompatSparse    = 0x2
	incompatMetaUUID  = 0x4
	incompatBigTime   = 0x8
	incompatRepair    = 0x10
	incompatNrext64   = 0x20
	incompatExchange  = 0x40
	incompatParent    = 0x80
	incompatReadable  = 0xff &^ incompatRepair
	incompatLogXattrs = 0x1
)

// The names of features as mkfs.xfs and xfs_info have them.
var (
	versionNames = map[uint32]string{
		versionAttr: "attr", 0x20: "nlink", 0x40: "quota", versionAlign: "align",
		0x100: "dalign", 0x200: "shared", versionLogV2: "logv2", 0x800: "sector",
		versionExtFl: "extflg", versionDirV2: "dirv2", versionCI: "ascii-ci",
		versionMore: "morebits",
	}
	more2Names = map[uint32]string{
		0x2: "lazy-count", 0x8: "attr2", 0x10: "parent", 0x80: "projid32bit",
		0x100: "crc", more2FType: "ftype",
	}
	roNames = map[uint32]string{
		0x1: "finobt", 0x2: "rmapbt", 0x4: "reflink", 0x8: "inobtcount",
	}
	incompatNames = map[uint32]string{
		incompatFType: "ftype", incompatSparse: "sparse", incompatMetaUUID: "meta_uuid",
		incompatBigTime: "bigtime", incompatRepair: "needsrepair", incompatNrext64: "nrext64",
		incompatExchange: "exchange", incompatParent: "parent",
		0x100: "metadir", 0x200: "zoned", 0x400: "zone_gaps",
	}
	logNames = map[uint32]string{incompatLogXattrs: "log-xattrs"}
)

// words names the bits of a set of features; unknown ones as <set>:<bit>.
func words(bits uint32, names map[uint32]string, set string) (list []string) {
	for i := range 32 {
		bit := uint32(1) << i
		if bits&bit == 0 {
			continue
		}
		name, ok := names[bit]
		if !ok {
			name = fmt.Sprintf("%s:%d", set, i)
		}
		list = append(list, name)
	}
	return list
}

// featureWords names the features of a superblock.
func (sb *super) featureWords() []string {
	if !sb.v5() {
		return append(words(sb.version&^versionMask, versionNames, "version"),
			words(sb.more2, more2Names, "features2")...)
	}
	list := append([]string{"crc"}, words(sb.incompat, incompatNames, "incompat")...)
	list = append(list, words(sb.ro, roNames, "ro_compat")...)
	list = append(list, words(sb.compat, nil, "compat")...)
	return append(list, words(sb.logIncompat, logNames, "log_incompat")...)
}

// checkReadable refuses a file system with features that are not read.
func (sb *super) checkReadable() error {
	var other []string
	switch {
	case sb.v5():
		other = words(sb.incompat&^incompatReadable, incompatNames, "incompat")
	case sb.version&versionMask != 4:
		return fmt.Errorf("%w: it is XFS of version %d; 4 and 5 are read",
			ErrUnsupported, sb.version&versionMask)
	case sb.version&versionDirV2 == 0:
		return fmt.Errorf("%w: its directories are of version 1", ErrUnsupported)
	default:
		other = append(words(sb.version&^(versionMask|versionKnown), versionNames, "version"),
			words(sb.more2&^more2Known, more2Names, "features2")...)
	}
	if len(other) > 0 {
		return fmt.Errorf("%w: the file system has the features %s",
			ErrUnsupported, strings.Join(other, ", "))
	}
	return nil
}
