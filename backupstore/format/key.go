package format

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf16"
)

// backupMark comes before the id in every name.
const backupMark = "_backup_"

// ParseIn parses the name of a file in a directory of the share, either as ParseName does or as a
// key of Cinder's drivers for S3, Swift and Google, with its slashes a path below any directory
// (_generate_object_name_prefix of cinder/backup/drivers/s3.py, swift.py and gcs.py):
//
//	volume_<volume id>/<YYYYmmddHHMMSS>/az_<zone>_backup_<backup id>
//
// and the suffixes of Name. The zone is any text that the operator has configured: it may have
// slashes and "_backup_" in it, so a key is read from its end.
func ParseIn(dir, name string) (n Name, ok bool) {
	if n, ok = ParseName(name); ok {
		return n, true
	}
	if n, ok = endOfKey(name); !ok {
		return Name{}, false
	}
	whole := path.Join(dir, n.Prefix)
	for end := len(whole); ; {
		at := strings.LastIndex(whole[:end], "volume_")
		if at < 0 {
			return Name{}, false
		}
		if at == 0 || whole[at-1] == '/' {
			if n.VolumeID, n.Time, ok = startOfKey(whole[at:]); ok {
				n.Key = whole[at:]
				return n, true
			}
		}
		end = at
	}
}

// EndsAsKey reports whether a file's name is the last part of a key, or that of a file of the NFS
// and posix drivers. Which volume it is of, the directories above it say.
func EndsAsKey(name string) bool {
	_, ok := endOfKey(name)
	return ok
}

func endOfKey(name string) (n Name, ok bool) {
	id := strings.LastIndex(name, backupMark) + len(backupMark)
	if id < len(backupMark) || len(name) <= id+idLen {
		return Name{}, false
	}
	n.Prefix, n.BackupID = name[:id+idLen], name[id:id+idLen]
	return n, IsID(n.BackupID) && n.parseSuffix(name[id+idLen:])
}

func startOfKey(key string) (volumeID, time string, ok bool) {
	const id, at, end = len("volume_"), len("volume_") + idLen + 1,
		len("volume_") + idLen + 1 + timeLen
	if len(key) < end || key[at-1] != '/' || !strings.HasPrefix(key[end:], "/az_") {
		return "", "", false
	}
	volumeID, time = key[id:at-1], key[at:end]
	return volumeID, time, IsID(volumeID) && isDigits(time)
}

// inJSON returns text as Python's json.dumps writes it within quotes, where it can be compared with
// Cinder's: what is not ASCII as \u and its number in UTF-16.
func inJSON(text string) string {
	plain := true
	for i := range len(text) {
		plain = plain && text[i] < 0x7f && plainByte[text[i]]
	}
	if plain {
		return text
	}
	const escapes = "\b\t\n\f\r\"\\"
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		switch c := rune(unit); {
		case strings.ContainsRune(escapes, c):
			out.WriteByte('\\')
			out.WriteByte("btnfr\"\\"[strings.IndexRune(escapes, c)])
		case c >= ' ' && c <= '~' || c == 0x7f:
			out.WriteByte(byte(c))
		default:
			fmt.Fprintf(&out, "\\u%04x", c)
		}
	}
	return out.String()
}
