package format

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the kind of a file of a backup.
type Kind int

// The kinds of file that a backup consists of.
const (
	KindObject   Kind = iota + 1 // a part of the volume, possibly compressed
	KindMetadata                 // _metadata, written last
	KindDigests                  // _sha256file, written last but one
)

// OldPrefix is the prefix of every backup that a Cinder before 11.0.0 (Pike) wrote, Kilo to Ocata.
// Such names do not identify the backup, and a second backup in the same container replaced the
// first. Later releases still read them, by the service_metadata in their database (Cinder's commit
// 535e71797).
const OldPrefix = "backup"

// Name is a parsed file name of a backup:
//
//	volume_<volume id>_<YYYYmmddHHMMSS>_backup_<backup id>  or OldPrefix, then one of
//	-<number, five digits or more>   _metadata   _sha256file
//
// or, of the drivers of object stores, the end of the key that [ParseIn] parses.
type Name struct {
	Prefix   string // everything before the suffix
	Key      string // what the names of objects in _metadata begin with; as Prefix but for keys
	VolumeID string // "" with OldPrefix, as is BackupID: _metadata has both
	Time     string // start of the backup, UTC, YYYYmmddHHMMSS; "" with OldPrefix
	BackupID string
	Kind     Kind
	Number   uint32 // of an object, from 1
}

const (
	idLen   = 36
	timeLen = 14
	// PrefixLen is the length of every prefix except OldPrefix; no key is shorter.
	PrefixLen = len("volume_") + idLen + 1 + timeLen + len("_backup_") + idLen
)

// ParseName parses the name of a file of the NFS and posix drivers, without a directory. ok is
// false for names that are not a backup's, such as that of a copy "..._metadata.bak".
func ParseName(name string) (n Name, ok bool) {
	if suffix, old := strings.CutPrefix(name, OldPrefix); old {
		n.Prefix, n.Key = OldPrefix, OldPrefix
		return n, n.parseSuffix(suffix)
	}
	if len(name) <= PrefixLen {
		return Name{}, false
	}
	rest, ok := strings.CutPrefix(name[:PrefixLen], "volume_")
	if !ok {
		return Name{}, false
	}
	n.Prefix = name[:PrefixLen]
	n.Key = n.Prefix
	n.VolumeID, rest = rest[:idLen], rest[idLen:]
	n.Time, rest = rest[1:1+timeLen], rest[1+timeLen:]
	n.BackupID, ok = strings.CutPrefix(rest, "_backup_")
	if !ok || n.Prefix[len("volume_")+idLen] != '_' || !IsID(n.VolumeID) || !IsID(n.BackupID) ||
		!isDigits(n.Time) {
		return Name{}, false
	}
	return n, n.parseSuffix(name[PrefixLen:])
}

// parseSuffix parses what follows the prefix.
func (n *Name) parseSuffix(suffix string) (ok bool) {
	switch suffix {
	case "_metadata":
		n.Kind = KindMetadata
	case "_sha256file":
		n.Kind = KindDigests
	default:
		n.Kind = KindObject
		n.Number, ok = parseNumber(suffix)
		return ok
	}
	return true
}

// parseNumber parses "-00001". It accepts exactly what fmt's "-%05d" writes.
func parseNumber(suffix string) (uint32, bool) {
	if len(suffix) < 6 || suffix[0] != '-' || !isDigits(suffix[1:]) ||
		(len(suffix) > 6 && suffix[1] == '0') {
		return 0, false
	}
	v, err := strconv.ParseUint(suffix[1:], 10, 32)
	return uint32(v), err == nil && v > 0
}

// ObjectName returns the file name of object number of the backup with this prefix.
func ObjectName(prefix string, number uint32) string {
	return fmt.Sprintf("%s-%05d", prefix, number)
}

// IsID reports whether s is a UUID as Cinder writes it: 36 characters, lower case.
func IsID(s string) bool {
	if len(s) != idLen {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
