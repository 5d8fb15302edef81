package format

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// MaxMetadataBytes bounds the _metadata that is parsed: 512 MiB are nearly two
// million objects, an incremental of 60 GiB in which no two changed blocks are
// neighbours.
const MaxMetadataBytes = 512 << 20

// maxVolumeMetaBytes bounds volume_meta and every other string in _metadata.
// Cinder writes some kilobytes.
const maxVolumeMetaBytes = 16 << 20

// Version is the only version of _metadata and _sha256file there is
// (ChunkedBackupDriver.DRIVER_VERSION).
const Version = "1.0.0"

// Errors that callers tell apart with errors.Is.
var (
	ErrVersion     = errors.New("unknown version")
	ErrJSON        = errors.New("not the JSON that Cinder writes")
	ErrCompression = errors.New("unknown compression")
	ErrTooLarge    = errors.New("too large")
)

// Compression is how one object is stored.
type Compression uint8

// The compressions that Cinder knows, several under more than one name.
const (
	None  Compression = iota + 1 // "none", "off", "no": the plain bytes
	Zlib                         // "zlib", "gzip": an RFC 1950 stream under either name
	Bzip2                        // "bz2", "bzip2"
	Zstd                         // "zstd": RFC 8878
)

// String returns Cinder's first name for it.
func (c Compression) String() string {
	switch c {
	case None:
		return "none"
	case Zlib:
		return "zlib"
	case Bzip2:
		return "bz2"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("Compression(%d)", uint8(c))
}

// ParseCompression accepts every name Cinder accepts, in any letter case
// (chunkeddriver.py, _get_compressor).
func ParseCompression(s string) (Compression, error) {
	switch strings.ToLower(s) {
	case "none", "off", "no":
		return None, nil
	case "zlib", "gzip":
		return Zlib, nil
	case "bz2", "bzip2":
		return Bzip2, nil
	case "zstd":
		return Zstd, nil
	}
	return 0, fmt.Errorf("%w %q", ErrCompression, s)
}

// Object is one entry of "objects" in _metadata.
type Object struct {
	Number      uint32 // from the name, from 1
	Compression Compression
	MD5         [16]byte // of the decoded bytes
	Offset      int64    // in the volume, bytes, 0..MaxVolumeBytes
	Length      int64    // decoded, bytes, 1..MaxVolumeBytes
}

// End is the volume offset behind the object's last byte.
func (o Object) End() int64 { return o.Offset + o.Length }

// Metadata is a parsed _metadata without its objects.
type Metadata struct {
	Version     string
	BackupID    string
	BackupName  *string // nil: null
	Description *string
	CreatedAt   time.Time
	ParentID    string // "" for a full backup
	VolumeID    string
	// VolumeMeta is the text of volume_meta, "" for null.
	VolumeMeta string
}

// ParseMetadata parses the _metadata of the backup whose files start with
// prefix, handing each object to each in the order of the file, which is that
// of their offsets; they do not overlap. It reads no more than MaxMetadataBytes
// and keeps no objects itself. Errors wrap ErrJSON,
// ErrVersion, ErrCompression or ErrTooLarge, what r says, or what each says.
func ParseMetadata(r io.Reader, prefix string, each func(Object) error) (Metadata, error) {
	return parseLimited(r, MaxMetadataBytes, prefix, each)
}

func parseLimited(r io.Reader, limit int64, prefix string, each func(Object) error) (Metadata, error) {
	lr := &io.LimitedReader{R: r, N: limit + 1}
	m, err := parseMetadata(json.NewDecoder(lr), prefix, each)
	switch {
	case lr.N <= 0:
		return m, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	case errors.Is(err, io.EOF) && lr.N == limit+1:
		return m, fmt.Errorf("%w: the file is empty", ErrJSON)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return m, fmt.Errorf("%w: it ends after %d bytes, in the middle", ErrJSON, limit+1-lr.N)
	}
	return m, err
}

func parseMetadata(dec *json.Decoder, prefix string, each func(Object) error) (Metadata, error) {
	var m Metadata
	if err := delim(dec, '{'); err != nil {
		return m, err
	}
	objects := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return m, syntax(err)
		}
		switch key {
		case "version":
			err = field(dec, "version", &m.Version)
		case "backup_id":
			err = field(dec, "backup_id", &m.BackupID)
		case "backup_name":
			err = field(dec, "backup_name", &m.BackupName)
		case "backup_description":
			err = field(dec, "backup_description", &m.Description)
		case "created_at":
			var s string
			if err = field(dec, "created_at", &s); err == nil {
				m.CreatedAt, err = ParseTime(s)
			}
		case "parent_id":
			var id *string
			if err = field(dec, "parent_id", &id); err == nil && id != nil {
				m.ParentID = *id
			}
		case "volume_id":
			err = field(dec, "volume_id", &m.VolumeID)
		case "volume_meta":
			var text *string
			if err = field(dec, "volume_meta", &text); err == nil && text != nil {
				m.VolumeMeta = *text
			}
		case "objects":
			objects = true
			err = parseObjects(dec, prefix, each)
		default:
			var skip json.RawMessage
			err = field(dec, fmt.Sprint(key), &skip)
		}
		if err != nil {
			return m, err
		}
	}
	if err := delim(dec, '}'); err != nil {
		return m, err
	}
	switch {
	case m.Version != Version:
		return m, fmt.Errorf("%w %q, this program knows %q", ErrVersion, m.Version, Version)
	case !objects:
		return m, fmt.Errorf("%w: no \"objects\"", ErrJSON)
	case !IsID(m.BackupID) || !IsID(m.VolumeID) || m.ParentID != "" && !IsID(m.ParentID):
		return m, fmt.Errorf("%w: backup_id, volume_id or parent_id is no UUID", ErrJSON)
	}
	return m, nil
}

// objectFields are pointers so that a missing field is told from a zero.
type objectFields struct {
	Compression *string `json:"compression"`
	Length      *int64  `json:"length"`
	MD5         *string `json:"md5"`
	Offset      *int64  `json:"offset"`
}

func parseObjects(dec *json.Decoder, prefix string, each func(Object) error) error {
	if err := delim(dec, '['); err != nil {
		return err
	}
	var end int64 // of the object before
	for dec.More() {
		var entry map[string]objectFields
		if err := field(dec, "objects", &entry); err != nil {
			return err
		}
		if len(entry) != 1 {
			return fmt.Errorf("%w: an entry of \"objects\" has %d names, not 1", ErrJSON, len(entry))
		}
		for name, fields := range entry {
			o, err := fields.check(name, prefix)
			if err != nil {
				return err
			}
			if o.Offset < end {
				return fmt.Errorf("%w: object %q at offset %d overlaps the one before it, which ends at %d", ErrJSON, clip(name), o.Offset, end)
			}
			end = o.End()
			if err := each(o); err != nil {
				return err
			}
		}
	}
	return delim(dec, ']')
}

func (f objectFields) check(name, prefix string) (Object, error) {
	bad := func(format string, args ...any) (Object, error) {
		return Object{}, fmt.Errorf("%w: object %q: %s", ErrJSON, clip(name), fmt.Sprintf(format, args...))
	}
	suffix, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return bad("the name does not start with the backup's prefix")
	}
	var o Object
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
		return Object{}, fmt.Errorf("object %q: %w", clip(name), err)
	}
	if f.MD5 == nil || len(*f.MD5) != 32 {
		return bad("md5 is missing or malformed")
	}
	if _, err := hex.Decode(o.MD5[:], []byte(*f.MD5)); err != nil {
		return bad("md5 is malformed")
	}
	return o, nil
}

// ParseTime parses created_at as Cinder writes it, str(datetime) with or
// without microseconds and zone; no zone means UTC.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: created_at %q is no time", ErrJSON, clip(s))
}

func delim(dec *json.Decoder, want json.Delim) error {
	tok, err := dec.Token()
	if err != nil {
		return syntax(err)
	}
	if tok != want {
		return fmt.Errorf("%w: %q where %q belongs", ErrJSON, clip(fmt.Sprint(tok)), want.String())
	}
	return nil
}

func field(dec *json.Decoder, name string, v any) error {
	start := dec.InputOffset()
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		return fmt.Errorf("%w: %q: %w", ErrJSON, clip(name), err)
	}
	if dec.InputOffset()-start > maxVolumeMetaBytes {
		return fmt.Errorf("%w: %q", ErrTooLarge, clip(name))
	}
	return nil
}

func syntax(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrJSON, err)
}

// clip shortens hostile text for a message.
func clip(s string) string {
	if len(s) > 160 {
		return s[:160] + "..."
	}
	return s
}
