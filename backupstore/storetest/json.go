package storetest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// digests writes _sha256file row by row and, on the way, the objects.
//
// The texts here are Python's json.dumps(d, sort_keys=True, indent=2):
// cinder/backup/chunkeddriver.py, _write_sha256file and _write_metadata.
func (w *writer) digests(f *os.File) error {
	s := &w.spec
	out := bufio.NewWriterSize(f, 256<<10)
	fmt.Fprintf(out,
		"{\n  \"backup_description\": %s,\n  \"backup_id\": %s,\n  \"backup_name\": %s,\n"+
			"  \"chunk_size\": %d,\n  \"created_at\": %s,\n  \"sha256s\": [",
		quoteOrNull(s.Description), quote(s.ID), quoteOrNull(s.Name), s.ShaBlock,
		quote(createdAt(s.Created)))
	w.rows = rowWriter{out: out, block: s.ShaBlock}
	size := s.Content.Size()
	for off := int64(0); off < size; off += s.FileSize {
		runs, err := w.scan(off, min(size, off+s.FileSize))
		if err != nil {
			return err
		}
		for _, e := range runs {
			if err := w.object(e); err != nil {
				return err
			}
		}
	}
	if size > 0 {
		out.WriteString("\n  ")
	}
	fmt.Fprintf(out, "],\n  \"version\": \"1.0.0\",\n  \"volume_id\": %s\n}", quote(s.VolumeID))
	return out.Flush()
}

func (w *writer) metadata(f *os.File) error {
	s := &w.spec
	out := bufio.NewWriterSize(f, 64<<10)
	fmt.Fprintf(out,
		"{\n  \"backup_description\": %s,\n  \"backup_id\": %s,\n  \"backup_name\": %s,\n"+
			"  \"created_at\": %s,\n  \"objects\": [",
		quoteOrNull(s.Description), quote(s.ID), quoteOrNull(s.Name), quote(createdAt(s.Created)))
	for i, o := range w.backup.Objects {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(out,
			"\n    {\n      %s: {\n        \"compression\": %s,\n        \"length\": %d,\n"+
				"        \"md5\": %s,\n        \"offset\": %d\n      }\n    }",
			quote(o.Name), quote(o.Compression), o.Length, quote(o.MD5), o.Offset)
	}
	if len(w.backup.Objects) > 0 {
		out.WriteString("\n  ")
	}
	meta := "null"
	if s.VolumeMeta != "null" {
		meta = quote(s.VolumeMeta)
	}
	fmt.Fprintf(out,
		"],\n  \"parent_id\": %s,\n  \"version\": \"1.0.0\",\n  \"volume_id\": %s,\n  "+
			"\"volume_meta\": %s\n}",
		quoteOrNull(s.ParentID), quote(s.VolumeID), meta)
	return out.Flush()
}

// rowWriter writes the rows of sha256s. Errors stay in out until its Flush.
type rowWriter struct {
	out     *bufio.Writer
	block   int
	started bool
	blank   []byte // rows of zero blocks, each with the comma before it
	row     []byte
}

func (r *rowWriter) digest(sum [sha256.Size]byte) {
	if r.started {
		r.out.WriteByte(',')
	}
	r.started = true
	r.row = append(r.row[:0], "\n    \""...)
	r.row = hex.AppendEncode(r.row, sum[:])
	r.row = append(r.row, '"')
	r.out.Write(r.row)
}

func (r *rowWriter) blocks(p []byte) {
	for len(p) > 0 {
		n := min(len(p), r.block)
		r.digest(sha256.Sum256(p[:n]))
		p = p[n:]
	}
}

// zeros writes the rows of n zero bytes, n at most stepBytes or one block.
func (r *rowWriter) zeros(n int64) {
	rows := n / int64(r.block)
	if r.blank == nil {
		one := sha256.Sum256(make([]byte, r.block))
		r.blank = []byte(strings.Repeat(fmt.Sprintf(",\n    \"%x\"", one),
			max(1, stepBytes/r.block)))
	}
	const rowBytes = 72
	p := r.blank[:rows*rowBytes]
	if rows > 0 && !r.started {
		p, r.started = p[1:], true
	}
	r.out.Write(p)
	if rest := n % int64(r.block); rest > 0 {
		r.digest(sha256.Sum256(make([]byte, rest)))
	}
}

// Volume is what volume_meta says about the volume. As Cinder does, "" is
// written as null, and without metadata the section is left out.
type Volume struct {
	GiB                     int64 // 0: as many as the content fills, at least 1
	Name, Description       string
	Metadata, ImageMetadata map[string]string // written in the keys' order
	Bootable                bool
	EncryptionKeyID         string
}

// meta is Cinder's volume_meta, version 2: the keys and their order are those
// of cinder/backup/driver.py, BackupMetadataAPI, on a real database.
func (v Volume) meta(s *Spec) string {
	const gib = 1 << 30
	size := v.GiB
	if size == 0 {
		size = max(1, (s.Content.Size()+gib-1)/gib)
	}
	when := quote(s.Created.Add(-time.Hour).Format("2006-01-02T15:04:05.000000"))
	var b strings.Builder
	fmt.Fprintf(&b,
		`{"version": 2, "volume-base-metadata": {"created_at": %s, "updated_at": null, `+
			`"deleted_at": null, "deleted": false, "id": %s, "_name_id": null, "use_quota": true, `+
			`"ec2_id": null, "user_id": "0a8f5c1e7d2b4c6f8e9d0b1a2c3d4e5f", `+
			`"project_id": "5f1d8d6c3b0a4f8d9a4c0c6a4c3e2b11", "snapshot_id": null, `+
			`"cluster_name": null, "host": "node-1@lvm#LVM", "size": %d, `+
			`"availability_zone": "nova", "status": "backing-up", "attach_status": "detached", `+
			`"migration_status": null, "scheduled_at": %s, "launched_at": %s, `+
			`"terminated_at": null, "display_name": %s, "display_description": %s, `,
		when, quote(s.VolumeID), size, when, when, quoteOrNull(v.Name), quoteOrNull(v.Description))
	fmt.Fprintf(&b,
		`"provider_location": "127.0.0.1:3260,1 iqn.2010-10.org.openstack:volume-%s iscsi 0", `+
			`"provider_auth": null, "provider_geometry": null, "provider_id": null, `+
			`"volume_type_id": %s, "source_volid": null, "encryption_key_id": %s, `+
			`"consistencygroup_id": null, "group_id": null, "bootable": %t, "multiattach": false, `+
			`"replication_status": null, "replication_extended_status": null, `+
			`"replication_driver_data": null, "previous_status": null, "service_uuid": %s, `+
			`"shared_targets": false}`,
		s.VolumeID, quote(ID("volume type")), quoteOrNull(v.EncryptionKeyID), v.Bootable,
		quote(ID("service")))
	section(&b, "volume-metadata", v.Metadata)
	section(&b, "volume-glance-metadata", v.ImageMetadata)
	b.WriteString("}")
	return b.String()
}

func section(b *strings.Builder, name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(b, ", %s: {", quote(name))
	for i, k := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s: %s", quote(k), quote(values[k]))
	}
	b.WriteString("}")
}

// createdAt is Python's str() of an aware datetime in UTC.
func createdAt(t time.Time) string {
	if t.Nanosecond() != 0 {
		return t.Format("2006-01-02 15:04:05.000000+00:00")
	}
	return t.Format("2006-01-02 15:04:05+00:00")
}

func quoteOrNull(s string) string {
	if s == "" {
		return "null"
	}
	return quote(s)
}

// quote is Python's json.dumps for a string: pure ASCII, with surrogate pairs.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
