package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

const (
	volID  = "40c1563e-bf01-4a77-b2a0-38d1dbcefcbf"
	backID = "7e3e949e-9b75-4774-b68c-c6295b3bf1ff"
	prefix = "volume_" + volID + "_20261122184602_backup_" + backID
)

func TestNames(t *testing.T) {
	for name, want := range map[string]Name{
		prefix + "_metadata":   {Kind: KindMetadata},
		prefix + "_sha256file": {Kind: KindDigests},
		prefix + "-00001":      {Kind: KindObject, Number: 1},
		prefix + "-99999":      {Kind: KindObject, Number: 99999},
		prefix + "-100000":     {Kind: KindObject, Number: 100000},
	} {
		n, ok := ParseName(name)
		want.Prefix, want.Key, want.VolumeID, want.Time, want.BackupID = prefix, prefix, volID, "20261122184602", backID
		if !ok || n != want {
			t.Errorf("%q: %+v %v", name, n, ok)
		}
		if want.Kind == KindObject && ObjectName(prefix, n.Number) != name {
			t.Errorf("%q does not come back: %q", name, ObjectName(prefix, n.Number))
		}
	}
	for name, want := range map[string]Name{
		"backup_metadata":   {Kind: KindMetadata},
		"backup_sha256file": {Kind: KindDigests},
		"backup-00001":      {Kind: KindObject, Number: 1},
		"backup-100000":     {Kind: KindObject, Number: 100000},
	} {
		n, ok := ParseName(name)
		want.Prefix, want.Key = OldPrefix, OldPrefix
		if !ok || n != want {
			t.Errorf("%q: %+v %v", name, n, ok)
		}
	}
	for _, name := range []string{
		"backup", "backup-1", "backup-00000", "backup_metadata.bak", "backups", "backup-00001.tmp", "Backup_metadata",
		"", prefix, prefix + "_metadata.bak", prefix + "-00001.tmp", prefix + "-1", prefix + "-00000", prefix + "-000001",
		prefix + "-4294967296", prefix + "/00001", strings.ToUpper(prefix) + "-00001", "x" + prefix[1:] + "-00001",
	} {
		if n, ok := ParseName(name); ok {
			t.Errorf("%q was accepted as %+v", name, n)
		}
	}
}

func metadataJSON(objects string) string {
	return `{"backup_description": null, "backup_id": "` + backID + `", "backup_name": "n\u00fc", "created_at": "2026-11-22 18:46:01.5+00:00",
 "objects": [` + objects + `], "parent_id": null, "version": "1.0.0", "volume_id": "` + volID + `", "volume_meta": "{\"version\": 2}", "extra": [1]}`
}

func object(name, fields string) string { return `{"` + name + `": {` + fields + `}}` }

const goodFields = `"compression": "GZip", "length": 5, "md5": "fd53923c4709ae7cbf430ae283172591", "offset": 7`

func TestMetadata(t *testing.T) {
	var got []Object
	m, err := ParseMetadata(strings.NewReader(metadataJSON(object(prefix+"-00001", goodFields))), prefix, func(o Object) error {
		got = append(got, o)
		return nil
	})
	if err != nil || m.BackupID != backID || *m.BackupName != "nü" || m.Description != nil || m.ParentID != "" || m.Volume == nil || m.VolumeErr != nil ||
		m.CreatedAt.Format("2006-01-02T15:04:05.0Z07:00") != "2026-11-22T18:46:01.5Z" {
		t.Fatalf("%+v %v", m, err)
	}
	if len(got) != 1 || got[0].Number != 1 || got[0].Compression != Zlib || got[0].Offset != 7 || got[0].End() != 12 || got[0].MD5[0] != 0xfd {
		t.Fatalf("%+v", got)
	}
}

func TestAnOddTimeIsNoReasonToRefuse(t *testing.T) {
	for _, odd := range []string{`"None"`, `null`, `"2026-11-22T18:46:01+00:00Z"`} {
		text := strings.Replace(metadataJSON(""), `"2026-11-22 18:46:01.5+00:00"`, odd, 1)
		if m, err := ParseMetadata(strings.NewReader(text), prefix, nil); err != nil || !m.CreatedAt.IsZero() {
			t.Errorf("%s: %v %v", odd, m.CreatedAt, err)
		}
	}
}

func TestBadMetadataIsRefusedWithAReason(t *testing.T) {
	good := metadataJSON(object(prefix+"-00001", goodFields))
	replaced := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, c := range map[string]struct {
		text string
		is   error
		says string
	}{
		"empty":              {"", ErrCut, "empty"},
		"cut in half":        {good[:len(good)/2], ErrCut, "in the middle"},
		"cut by a byte":      {good[:len(good)-1], ErrCut, "in the middle"},
		"no object":          {"[]", ErrJSON, "["},
		"garbage":            {"\x00\x00", ErrJSON, "belongs"},
		"other version":      {replaced("1.0.0", "2.0.0"), ErrVersion, "2.0.0"},
		"compression":        {replaced("GZip", "lzma"), ErrCompression, "lzma"},
		"slash in a name":    {replaced(prefix+"-00001", prefix+"/../x-00001"), ErrJSON, "object number"},
		"dots in a name":     {replaced(prefix+"-00001", "../"+prefix+"-00001"), ErrJSON, "prefix"},
		"negative offset":    {replaced(`"offset": 7`, `"offset": -7`), ErrJSON, "offset -7"},
		"huge offset":        {replaced(`"offset": 7`, `"offset": 9223372036854775807`), ErrJSON, "out of range"},
		"overflowing offset": {replaced(`"offset": 7`, `"offset": 99999999999999999999`), ErrJSON, "offset"},
		"negative length":    {replaced(`"length": 5`, `"length": -5`), ErrJSON, "length -5"},
		"no length":          {replaced(`"length": 5, `, ``), ErrJSON, "missing"},
		"float":              {replaced(`"length": 5`, `"length": 5.5`), ErrJSON, "length"},
		"short md5":          {replaced("fd53", "f"), ErrJSON, "md5"},
		"parent is no id":    {replaced(`"parent_id": null`, `"parent_id": "../x"`), ErrJSON, "UUID"},
		"objects twice":      {replaced(`"parent_id": null`, `"objects": []`), ErrJSON, "twice"},
		"object twice":       {metadataJSON(object(prefix+"-00001", goodFields) + "," + object(prefix+"-00001", strings.Replace(goodFields, `"offset": 7`, `"offset": 12`, 1))), ErrJSON, "after object 00001"},
		"overlap":            {metadataJSON(object(prefix+"-00001", goodFields) + "," + object(prefix+"-00002", strings.Replace(goodFields, `"offset": 7`, `"offset": 11`, 1))), ErrJSON, "overlaps"},
		"two in one entry":   {replaced(`"objects": [{`, `"objects": [{"x": {}, `), ErrJSON, "2 names"},
		"no comma":           {replaced(`"parent_id": null,`, `"parent_id": null`), ErrJSON, "',' belongs"},
		"comma too many":     {replaced(`"parent_id": null,`, `"parent_id": null,,`), ErrJSON, "name"},
		"comma at the end":   {replaced(`"extra": [1]`, `"extra": [1],`), ErrJSON, "name"},
		"no value":           {replaced(`"extra": [1]`, `"extra": `), ErrJSON, "extra"},
		"objects are null":   {metadataJSON("")[:strings.Index(metadataJSON(""), "[]")] + "null" + metadataJSON("")[strings.Index(metadataJSON(""), "[]")+2:], ErrJSON, "'['"},
		"huge string":        {replaced(`"n\u00fc"`, `"`+strings.Repeat("x", maxValueBytes+1)+`"`), ErrTooLarge, "backup_name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseMetadata(strings.NewReader(c.text), prefix, func(Object) error { return nil })
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// endless is a _metadata that never ends.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.n += int64(len(p))
	return len(p), nil
}

func TestAHugeMetadataIsRefused(t *testing.T) {
	e := &endless{}
	_, err := parseLimited(io.MultiReader(strings.NewReader(`{"version": "1.0.0", "objects": [`), e), 1<<20, prefix, func(Object) error { return nil })
	if !errors.Is(err, ErrTooLarge) || e.n > 4<<20 {
		t.Fatalf("got %v after %d bytes", err, e.n)
	}
}

// A string that would fill the memory is refused before it does.
func TestAHugeValueIsRefusedEarly(t *testing.T) {
	for _, start := range []string{`{"backup_name": "`, `{"extra": [[[`, `{"objects": [{"`, `{"`, `{"extra": "\\`} {
		e := &endless{}
		_, err := ParseMetadata(io.MultiReader(strings.NewReader(start), e), prefix, func(Object) error { return nil })
		if !errors.Is(err, ErrTooLarge) || e.n > 2*maxValueBytes {
			t.Errorf("%s: got %v after %d bytes", start, err, e.n)
		}
	}
}

// pieces returns a text a few bytes at a time.
type pieces struct {
	text string
	rng  *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 1+p.rng.IntN(7))], p.text)
	p.text = p.text[n:]
	return n, nil
}

func TestMetadataIsTheSameHoweverItIsRead(t *testing.T) {
	fields := func(i int) string {
		return fmt.Sprintf(`"compression": "zlib", "length": 10, "md5": "fd53923c4709ae7cbf430ae283172591", "offset": %d, "x\\\"}]": "\\\\"`, i*10)
	}
	var list []string
	for i := range 20 {
		list = append(list, object(fmt.Sprintf("%s-%05d", prefix, i+1), fields(i)))
	}
	text := metadataJSON(strings.Join(list, " ,\n"))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		n := 0
		m, err := ParseMetadata(&pieces{text, rng}, prefix, func(o Object) error { n++; return nil })
		if err != nil || n != 20 || *m.BackupName != "nü" {
			t.Fatalf("%+v %v, %d objects", m, err, n)
		}
	}
	for i := 0; i < len(text); i += 7 {
		if _, err := ParseMetadata(strings.NewReader(text[:i]), prefix, func(Object) error { return nil }); !errors.Is(err, ErrCut) || !errors.Is(err, ErrJSON) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

// cinderEntry is an entry of "objects" as Cinder writes it.
func cinderEntry(name, compression, length, md5, offset string) string {
	return "{\n      \"" + name + "\": {\n        \"compression\": \"" + compression + "\",\n        \"length\": " + length +
		",\n        \"md5\": \"" + md5 + "\",\n        \"offset\": " + offset + "\n      }\n    }"
}

const someMD5 = "fd53923c4709ae7cbf430ae283172591"

func TestTheQuickParserKnowsCindersFormAndLeavesOthers(t *testing.T) {
	for text, want := range map[string]bool{
		cinderEntry(prefix+"-00001", "zlib", "5", someMD5, "0"):                      true,
		cinderEntry(prefix+"-100000", "bz2", "32768", someMD5, "999999999999999999"): true,
		cinderEntry(prefix+"-00001", "bz2", "1152921504606846976", someMD5, "7"):     false,
		cinderEntry(prefix+"-00001", "zlib", "0", someMD5, "7"):                      false,
		cinderEntry(prefix+"-00001", "zlib", "", someMD5, "7"):                       false,
		cinderEntry(prefix+"-00001", "BZ2", "5", someMD5, "7"):                       false,
		cinderEntry(prefix+"-00001", "zlib", "5", someMD5+"00", "7"):                 false,
		cinderEntry(prefix+"-00001", "lzma", "5", someMD5, "0"):                      false,
		cinderEntry(prefix+"-00001", "zlib", "05", someMD5, "0"):                     false,
		cinderEntry(prefix+"-00001", "zlib", "+5", someMD5, "0"):                     false,
		cinderEntry(prefix+"-00001", "zlib", "-5", someMD5, "0"):                     false,
		cinderEntry(prefix+"-00001", "zlib", "5", someMD5, "-0"):                     false,
		cinderEntry(prefix+"-00001", "zlib", "5", someMD5[1:], "0"):                  false,
		cinderEntry(prefix+"/00001", "zlib", "5", someMD5, "0"):                      false,
		cinderEntry("x"+prefix+"-00001", "zlib", "5", someMD5, "0"):                  false,
		cinderEntry(prefix+"-00001", "zlib", "5", someMD5, "0") + " ":                false,
		"{" + cinderEntry(prefix+"-00001", "zlib", "5", someMD5, "0")[2:]:            false,
	} {
		o, ok := parseEntry([]byte(text), prefix)
		if ok != want {
			t.Errorf("%s: %v", text, ok)
		}
		if slow, err := parseAnyEntry([]byte(text), prefix); ok && (err != nil || o != slow) {
			t.Errorf("%s: quick %+v, slow %+v %v", text, o, slow, err)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte(cinderEntry(prefix+"-00001", "zlib", "5", someMD5, "0")))
	f.Add([]byte(cinderEntry(prefix+"-100000", "none", "32768", someMD5, "99999")))
	f.Fuzz(func(t *testing.T, b []byte) {
		quick, ok := parseEntry(b, prefix)
		if slow, err := parseAnyEntry(b, prefix); ok && (err != nil || quick != slow) {
			t.Fatalf("%q: quick %+v, slow %+v %v", b, quick, slow, err)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(metadataJSON(object(prefix+"-00001", goodFields))))
	f.Add([]byte(`{"objects": [{}, {"a": 1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var last Object
		m, err := ParseMetadata(bytes.NewReader(b), prefix, func(o Object) error {
			if o.Offset < 0 || o.Length <= 0 || o.End() < o.Offset || o.Number == 0 {
				t.Fatalf("out of bounds: %+v", o)
			}
			if o.Offset < last.End() || o.Number <= last.Number {
				t.Fatalf("%+v after %+v", o, last)
			}
			last = o
			return nil
		})
		if err == nil {
			var raw json.RawMessage
			if err := json.NewDecoder(bytes.NewReader(b)).Decode(&raw); err != nil {
				t.Fatalf("%q was accepted: %v", b, err)
			}
		}
		if err == nil && m.VolumeMeta.Len > 0 {
			full, err := ReadVolumeMeta(bytes.NewReader(b[m.VolumeMeta.Off:][:m.VolumeMeta.Len]))
			if (full == nil) != (m.Volume == nil) || (err == nil) != (m.VolumeErr == nil) || full.SizeBytes() != m.Volume.SizeBytes() {
				t.Fatalf("%+v %v, and read again %+v %v", m.Volume, m.VolumeErr, full, err)
			}
		}
	})
}

type memSource []byte

func TestVolumeMeta(t *testing.T) {
	m, err := ParseVolumeMeta(`{"version": 1, "volume-base-metadata": {"size": 3, "display_name": "ü", "bootable": true, "provider_auth": "secret", "volume_type_id": null}, "volume-metadata": {"k": ""}}`)
	if err != nil || m.SizeBytes() != 3<<30 || *m.Base.Name != "ü" || m.Base.VolumeTypeID != nil || !m.Base.Bootable || len(m.Metadata) != 1 || m.Image != nil {
		t.Fatalf("%+v %v", m, err)
	}
	for text, is := range map[string]error{
		"": ErrJSON, "[]": ErrJSON, "null": ErrVersion, `{"version": 3}`: ErrVersion, `{"version": "2"}`: ErrJSON, `{"version": 2`: ErrJSON,
	} {
		if m, err := ParseVolumeMeta(text); !errors.Is(err, is) || m != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, size := range []string{"-1", "1.5", "1e30", `"1"`, "null", "0", "2000000000000"} {
		m, err := ParseVolumeMeta(`{"version": 2, "volume-base-metadata": {"size": ` + size + `, "display_name": "n"}, "volume-metadata": {"k": "v"}}`)
		if err != nil && !errors.Is(err, ErrJSON) || m.SizeBytes() != 0 || *m.Base.Name != "n" || m.Metadata["k"] != "v" {
			t.Errorf("size %s: %+v %v", size, m, err)
		}
	}
	m, err = ParseVolumeMeta(`{"version": 2, "volume-metadata": {"a": 1, "b": "c"}}`)
	if !errors.Is(err, ErrJSON) || m == nil || m.Metadata["b"] != "c" {
		t.Errorf("%+v %v", m, err)
	}
	var none *VolumeMeta
	if none.SizeBytes() != 0 {
		t.Error("nil")
	}
}
