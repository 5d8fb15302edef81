package format

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzName parses names: the parts together are the name again.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		prefix + "-00001", prefix + "-100000", prefix + "_metadata", prefix + "_sha256file", prefix + "-4294967296", prefix + "-000001",
		prefix + "_metadata.bak", "backup-00001", "backup_metadata", "backup", "backup_sha256file", "backup--0001", prefix, "",
		strings.Replace(prefix, "_", "/", 2) + "-00001", strings.ToUpper(prefix) + "-00001",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, ok := ParseName(name)
		if !ok {
			return
		}
		whole := n.Prefix
		switch n.Kind {
		case KindObject:
			whole = ObjectName(n.Prefix, n.Number)
		case KindMetadata:
			whole += "_metadata"
		case KindDigests:
			whole += "_sha256file"
		default:
			t.Fatalf("%q: kind %d", name, n.Kind)
		}
		if whole != name || (n.Number != 0) != (n.Kind == KindObject) {
			t.Fatalf("%q: %+v is %q", name, n, whole)
		}
		if n.Prefix == OldPrefix {
			if n.VolumeID+n.BackupID+n.Time != "" {
				t.Fatalf("%q: %+v", name, n)
			}
			return
		}
		if !IsID(n.VolumeID) || !IsID(n.BackupID) || n.Prefix != "volume_"+n.VolumeID+"_"+n.Time+"_backup_"+n.BackupID {
			t.Fatalf("%q: %+v", name, n)
		}
	})
}

// FuzzVolumeMeta parses texts as a whole, as long texts are parsed, and inside a JSON string: the
// results agree, and what is held is bounded.
func FuzzVolumeMeta(f *testing.F) {
	f.Add(`{"version": 2, "volume-base-metadata": {"size": 3, "display_name": "n", "bootable": true}, "volume-metadata": {"k": "v"}}`)
	f.Add(`{"version": 1, "volume-glance-metadata": {"image_id": "x"}, "other": [{"a": "]"}]}`)
	f.Add(`{"version": 2, "volume-base-metadata": {"size": -1, "display_name": "` + strings.Repeat("é", 700) + `"}}`)
	f.Add(`{"version": 2, "volume-base-metadata": {"size": "x", "display_name": "n"}, "volume-metadata": {"k": 1}}`)
	f.Add(`{"version": 3}`)
	f.Add(`{"version": 2`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		m, err := ParseVolumeMeta(text)
		if m == nil && err == nil || m != nil && m.Version != 1 && m.Version != 2 {
			t.Fatalf("%+v, %v", m, err)
		}
		s := m.summary()
		if size := s.SizeBytes(); size != m.SizeBytes() || size < 0 || size > MaxVolumeBytes || size%(1<<30) != 0 {
			t.Fatalf("%d bytes", size)
		}
		if s != nil {
			for _, kept := range []*string{s.Base.Name, s.Base.Description, s.Base.VolumeTypeID, s.Base.AvailabilityZone, s.Base.EncryptionKeyID, s.Base.ProjectID, s.Base.UserID} {
				if kept != nil && (len(*kept) > maxNameBytes+len("...") || !utf8.ValidString(*kept)) {
					t.Fatalf("%d bytes are kept of a text: %q", len(*kept), *kept)
				}
			}
		}
		if utf8.ValidString(text) {
			quoted, _ := json.Marshal(text)
			again, readErr := ReadVolumeMeta(strings.NewReader(string(quoted)))
			if !reflect.DeepEqual(again, m) || (readErr == nil) != (err == nil) {
				t.Fatalf("%+v, %v; inside of JSON %+v, %v", m, err, again, readErr)
			}
		}
		long, longErr := summarise(newValues(strings.NewReader(text)))
		if long == nil && longErr == nil {
			t.Fatal("neither a summary nor an error")
		}
		// encoding/json accepts field names in any case, and the last of several.
		if err == nil && unambiguous(text) && (longErr != nil || !reflect.DeepEqual(long, s)) {
			t.Fatalf("%+v; as a long one %+v, %v", s, long, longErr)
		}
	})
}

func unambiguous(text string) bool {
	for _, name := range []string{"version", "volume-base-metadata", "volume-glance-metadata"} {
		if strings.Count(text, name) > 1 {
			return false
		}
	}
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' || c == '\\' {
			return false
		}
	}
	return true
}
