package format

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// MaxMetadataBytes bounds the _metadata that is parsed. 512 MiB are nearly two million objects: an
// incremental of 60 GiB in which no two changed blocks are adjacent.
const MaxMetadataBytes = 512 << 20

// Version is the only existing version of _metadata and _sha256file
// (ChunkedBackupDriver.DRIVER_VERSION).
const Version = "1.0.0"

// KnownReleases names, for messages, the releases of Cinder whose files this package was compared
// with.
const KnownReleases = "Cinder up to 29.0.0 (2026.2)"

// versionError says that a file has a version that no release has written that is known.
func versionError(found, known string) error {
	return fmt.Errorf("%w %s: %s writes %s, and no other is known; what a newer one has written, "+
		"a newer restorefs may read",
		ErrVersion, found, KnownReleases, known)
}

// Errors for errors.Is.
var (
	ErrVersion     = errors.New("unknown version")
	ErrJSON        = errors.New("not the JSON that Cinder writes")
	ErrCompression = errors.New("unknown compression")
	ErrTooLarge    = errors.New("too large")
	// ErrCut wraps ErrJSON: the text ends too early.
	ErrCut = fmt.Errorf("%w", ErrJSON)
)

// Object is one entry of "objects" in _metadata.
type Object struct {
	Number      uint32 // from the name, at least 1
	Compression Compression
	MD5         [16]byte // of the decoded bytes
	Offset      int64    // in the volume, bytes, 0..MaxVolumeBytes
	Length      int64    // decoded, bytes, 1..MaxVolumeBytes
}

// End returns the offset in the volume after the object's last byte.
func (o Object) End() int64 { return o.Offset + o.Length }

// Metadata is a parsed _metadata without its objects.
type Metadata struct {
	Version     string
	BackupID    string
	BackupName  *string // nil: null
	Description *string
	CreatedAt   time.Time // UTC; zero if it cannot be parsed
	ParentID    string    // "" for a full backup
	VolumeID    string
	// Volume is the part of volume_meta that is kept as long as the backup is known. It is nil for
	// null, and for an unusable one, of which VolumeErr tells.
	Volume    *VolumeSummary
	VolumeErr error
	// VolumeMeta is the place of volume_meta in the file, for ReadVolumeMeta.
	VolumeMeta Part
	// Missing lists names that Cinder always writes and that are missing, but that a restore of the
	// data does not need.
	Missing []string
	// Unknown lists names that no release of Cinder up to KnownReleases writes, a few of them at
	// most.
	Unknown []string
	// OddEntry is the number of the first object whose entry is almost like Cinder's: with an
	// additional blank, for example. 0: none.
	OddEntry uint32
}

// Part is a range of a file, in bytes; the zero Part is none.
type Part struct{ Off, Len int64 }

// ParseMetadata parses the _metadata of the backup whose objects' names start with prefix, a
// Name.Key. It calls each with every object in the order of the file, in which both offsets and
// numbers rise; objects do not overlap. It reads at most MaxMetadataBytes, holds one value in
// memory at a time and keeps no objects. Errors wrap ErrJSON, ErrVersion, ErrCompression or
// ErrTooLarge, or are those of r or each; that of a file that ends too early also wraps ErrCut.
func ParseMetadata(r io.Reader, prefix string, each func(Object) error) (Metadata, error) {
	return parseLimited(r, MaxMetadataBytes, prefix, each)
}

func parseLimited(r io.Reader, limit int64, prefix string,
	each func(Object) error) (Metadata, error) {
	v := newValues(io.LimitReader(r, limit+1))
	defer v.done()
	m, err := parseMetadata(v, prefix, each)
	switch {
	case v.read > limit:
		return m, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	case errors.Is(err, io.ErrUnexpectedEOF) && v.read == 0:
		return m, fmt.Errorf("%w: the file is empty", ErrCut)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return m, fmt.Errorf("%w: it ends after %d bytes, in the middle", ErrCut, v.read)
	}
	return m, err
}

// parseMetadata parses what Cinder writes, and ignores what follows it.
func parseMetadata(v *values, prefix string, each func(Object) error) (Metadata, error) {
	var m Metadata
	if err := v.expect('{'); err != nil {
		return m, err
	}
	var seen names
	for {
		more, err := v.more(seen.count == 0, '}')
		if err != nil {
			return m, err
		}
		if !more {
			break
		}
		key, err := v.key()
		if err != nil {
			return m, err
		}
		// A second list of objects could overlap the first.
		if !seen.add(key) {
			return m, fmt.Errorf("%w: %q is there twice", ErrJSON, clip(key))
		}
		if seen.count > maxKeys {
			return m, fmt.Errorf("%w: more than %d names", ErrTooLarge, maxKeys)
		}
		if err := v.expect(':'); err != nil {
			return m, err
		}
		if err := m.parse(key, v, prefix, each); err != nil {
			return m, err
		}
		if !slices.Contains(knownKeys, key) && len(m.Unknown) < maxUnknown {
			m.Unknown = append(m.Unknown, clip(key))
		}
	}
	switch {
	case m.Version != Version:
		return m, versionError(fmt.Sprintf("%q", clip(m.Version)), fmt.Sprintf("%q", Version))
	case !seen.has("objects"):
		return m, fmt.Errorf("%w: no \"objects\"", ErrJSON)
	case !seen.has("parent_id"): // which may be null
		return m, fmt.Errorf("%w: no \"parent_id\", which a full backup has as well", ErrJSON)
	case !IsID(m.BackupID) || !IsID(m.VolumeID) || m.ParentID != "" && !IsID(m.ParentID):
		return m, fmt.Errorf("%w: backup_id, volume_id or parent_id is no UUID", ErrJSON)
	}
	for _, name := range []string{"backup_description", "backup_name", "created_at",
		"volume_meta"} {
		if !seen.has(name) {
			m.Missing = append(m.Missing, name)
		}
	}
	return m, nil
}

// maxUnknown bounds Metadata.Unknown.
const maxUnknown = 3

// maxKeys bounds the number of names in _metadata; Cinder writes ten.
const maxKeys = 1000

// parse parses the value of a name in _metadata.
func (m *Metadata) parse(key string, v *values, prefix string, each func(Object) error) error {
	text := func(to *string) error { // null leaves it empty
		s, err := v.short(key)
		if s != nil {
			*to = *s
		}
		return err
	}
	var err error
	switch key {
	case "version":
		return text(&m.Version)
	case "backup_id":
		return text(&m.BackupID)
	case "backup_name":
		m.BackupName, err = v.short(key)
		return err
	case "backup_description":
		m.Description, err = v.short(key)
		return err
	case "created_at":
		var s string
		if err := text(&s); err != nil {
			return err
		}
		// A bad time does not prevent a restore; the file names have one as well.
		m.CreatedAt, _ = ParseTime(s)
		return nil
	case "parent_id":
		return text(&m.ParentID)
	case "volume_id":
		return text(&m.VolumeID)
	case "volume_meta":
		return m.volumeMeta(v)
	case "objects":
		return m.parseObjects(v, prefix, each)
	}
	return v.skip(key, maxValueBytes)
}

// maxKeyBytes bounds what is kept of a name. Longer ones, which Cinder does not write, are
// distinguished by their hashes.
const maxKeyBytes = 256

// key parses a name. If it is long, it returns its start and its hash instead.
func (v *values) key() (string, error) {
	if plain, ok := v.plain(maxKeyBytes - 1); ok {
		return kept(plain), nil
	}
	t, err := v.text(maxValueBytes)
	if err != nil {
		return "", fmt.Errorf("a name: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(t, maxKeyBytes))
	if err != nil || len(b) < maxKeyBytes {
		return string(b), named(string(b), err)
	}
	hash := sha256.New()
	hash.Write(b)
	more, err := io.Copy(hash, t)
	if more == 0 {
		return string(b), named(string(b), err)
	}
	return fmt.Sprintf("%s... (SHA-256 %x)", b, hash.Sum(nil)), named(string(b), err)
}

// objectFields are pointers so that a missing field differs from a zero.
type objectFields struct {
	Compression *string `json:"compression"`
	Length      *int64  `json:"length"`
	MD5         *string `json:"md5"`
	Offset      *int64  `json:"offset"`
}

func (m *Metadata) parseObjects(v *values, prefix string, each func(Object) error) error {
	if err := v.expect('['); err != nil {
		return err
	}
	var last Object
	quoted := inJSON(prefix)
	for first := true; ; first = false {
		more, err := v.more(first, ']')
		if err != nil || !more {
			return err
		}
		b, err := v.value()
		if err != nil {
			return named("objects", err)
		}
		o, ok := parseEntry(b, quoted)
		if !ok {
			odd := isOdd(b, quoted)
			if o, err = parseAnyEntry(b, prefix); err != nil {
				return err
			}
			if odd && m.OddEntry == 0 {
				m.OddEntry = o.Number
			}
		}
		if o.Offset < last.End() {
			return fmt.Errorf("%w: object %05d at offset %d overlaps the one before it, "+
				"which ends at %d", ErrJSON, o.Number, o.Offset, last.End())
		}
		if o.Number <= last.Number {
			return fmt.Errorf("%w: object %05d comes after object %05d", ErrJSON, o.Number,
				last.Number)
		}
		last = o
		if err := each(o); err != nil {
			return err
		}
	}
}

// parseAnyEntry parses an entry of "objects" in any form that JSON allows.
func parseAnyEntry(b []byte, prefix string) (Object, error) {
	var entry map[string]objectFields
	if err := json.Unmarshal(b, &entry); err != nil {
		return Object{}, fmt.Errorf("%w: \"objects\": %w", ErrJSON, err)
	}
	if len(entry) != 1 {
		return Object{}, fmt.Errorf("%w: an entry of \"objects\" has %d names, not 1",
			ErrJSON, len(entry))
	}
	var name string
	var fields objectFields
	for n, f := range entry {
		name, fields = n, f
	}
	suffix, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return Object{}, fmt.Errorf(
			"%w: object %q: the name does not start with the backup's prefix", ErrJSON, clip(name))
	}
	return fields.check(suffix)
}

// check makes an object of the fields; suffix is the part of its name after the prefix.
func (f objectFields) check(suffix string) (Object, error) {
	bad := func(format string, args ...any) (Object, error) {
		return Object{}, fmt.Errorf("%w: object %q: %s", ErrJSON, clip(suffix),
			fmt.Sprintf(format, args...))
	}
	var o Object
	var ok bool
	if o.Number, ok = parseNumber(suffix); !ok {
		return bad("the name does not end in an object number")
	}
	if f.Offset == nil || f.Length == nil || f.Compression == nil {
		return bad("offset, length or compression is missing")
	}
	o.Offset, o.Length = *f.Offset, *f.Length
	if o.Offset < 0 || o.Offset > MaxVolumeBytes {
		return bad("offset %d is out of range", o.Offset)
	}
	if o.Length <= 0 || o.Length > MaxVolumeBytes {
		return bad("length %d is out of range", o.Length)
	}
	var err error
	if o.Compression, err = ParseCompression(*f.Compression); err != nil {
		return Object{}, fmt.Errorf("object %q: %w", clip(suffix), err)
	}
	if f.MD5 == nil || len(*f.MD5) != 32 {
		return bad("md5 is missing or malformed")
	}
	if _, err := hex.Decode(o.MD5[:], []byte(*f.MD5)); err != nil {
		return bad("md5 is malformed")
	}
	return o, nil
}

// ParseTime parses created_at as Cinder writes it, str(datetime) with or without microseconds and
// zone. Without a zone it is UTC.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00",
		"2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: created_at %q is no time", ErrJSON, clip(s))
}

// clip shortens hostile text for a message.
func clip(s string) string {
	if len(s) > 160 {
		return s[:160] + "..."
	}
	return s
}
