package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// VolumeMeta is the volume's own record from the time of the backup: the text volume_meta of
// _metadata (cinder/backup/driver.py, BackupMetadataAPI), versions 1 and 2.
type VolumeMeta struct {
	Version int        `json:"version"`
	Base    VolumeBase `json:"volume-base-metadata"`
	// Metadata and Image are nil if the volume had none.
	Metadata map[string]string `json:"volume-metadata"`
	Image    map[string]string `json:"volume-glance-metadata"` // of volumes made from an image
}

// VolumeBase is the useful part of the volume's database row; nil is null. The row has more,
// credentials (provider_auth) among it, which is not kept.
type VolumeBase struct {
	Name             *string `json:"display_name"`
	Description      *string `json:"display_description"`
	SizeGiB          int64   `json:"size"`
	Bootable         bool    `json:"bootable"`
	Multiattach      bool    `json:"multiattach"`
	VolumeTypeID     *string `json:"volume_type_id"`
	AvailabilityZone *string `json:"availability_zone"`
	EncryptionKeyID  *string `json:"encryption_key_id"`
	ProjectID        *string `json:"project_id"`
	UserID           *string `json:"user_id"`
}

// ParseVolumeMeta parses the text of volume_meta and ignores unknown fields. If known fields have a
// wrong type, it returns the others with an error that wraps ErrJSON; with any other error the
// result is nil.
func ParseVolumeMeta(text string) (*VolumeMeta, error) { return parseVolumeMeta([]byte(text)) }

func parseVolumeMeta(text []byte) (*VolumeMeta, error) {
	m := new(VolumeMeta)
	err := json.Unmarshal(text, m)
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field != "" && mistyped.Field != "version":
		err = fmt.Errorf("volume_meta: %w: %w", ErrJSON, err)
	case err != nil:
		return nil, fmt.Errorf("volume_meta: %w: %w", ErrJSON, err)
	}
	if m.Version != 1 && m.Version != 2 {
		return nil, fmt.Errorf("volume_meta: %w", versionError(fmt.Sprint(m.Version), "1 and 2"))
	}
	return m, err
}

// VolumeSummary is what is kept of the VolumeMeta of every backup of a share: its size does not
// depend on the metadata that a tenant has given the volume.
type VolumeSummary struct {
	Base VolumeBase // with long texts cut
	// FromImage says that there is image metadata.
	FromImage bool
}

// summary returns m without what can be long.
func (m *VolumeMeta) summary() *VolumeSummary {
	if m == nil {
		return nil
	}
	s := &VolumeSummary{Base: m.Base, FromImage: len(m.Image) > 0}
	b := &s.Base
	for _, text := range []**string{&b.Name, &b.Description, &b.VolumeTypeID, &b.AvailabilityZone,
		&b.EncryptionKeyID, &b.ProjectID, &b.UserID} {
		if *text == nil {
			continue
		}
		kept := strings.Clone(**text) // without the memory that it was parsed from
		if len(kept) > maxNameBytes {
			kept = strings.ToValidUTF8(kept[:maxNameBytes], "") + "..."
		}
		*text = &kept
	}
	return s
}

// volumeMeta parses volume_meta, and keeps its summary.
func (m *Metadata) volumeMeta(v *values) error {
	c, err := v.peek()
	if err != nil {
		return err
	}
	if c != '"' {
		var none *string
		return v.into("volume_meta", &none)
	}
	at := v.at()
	t, err := v.text(maxMetaBytes)
	if err != nil {
		return err
	}
	head := newValues(t)
	defer head.done()
	for head.end < maxHeldBytes && head.fill(0) == nil {
	}
	switch {
	case t.err != nil && t.err != io.EOF:
		err = t.err
	case t.ended && len(t.held) == 0:
		if head.end > 0 {
			var all *VolumeMeta
			all, m.VolumeErr = parseVolumeMeta(head.buf[:head.end])
			m.Volume = all.summary()
		}
	default:
		m.Volume, m.VolumeErr = summarise(head)
		_, err = io.Copy(io.Discard, t)
	}
	if err != nil {
		m.Volume, m.VolumeErr = nil, nil
		return named("volume_meta", err)
	}
	m.VolumeMeta = Part{at, v.at() - at}
	return nil
}

// summarise parses a volume_meta that is too long to be held. It does not check what it does not
// keep.
func summarise(v *values) (*VolumeSummary, error) {
	var m VolumeMeta
	var mistyped error
	image := false
	err := fields(v, func(v *values, key string) error {
		switch key {
		case "version":
			return v.into(key, &m.Version)
		case "volume-base-metadata":
			err := v.into(key, &m.Base)
			if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				mistyped, err = fmt.Errorf("volume_meta: %w", err), nil
			}
			return err
		case "volume-glance-metadata":
			if c, err := v.peek(); err != nil || c != '{' {
				return v.skip(key, maxMetaBytes)
			}
			return fields(v, func(v *values, key string) error {
				image = true
				return v.skip(key, maxMetaBytes)
			})
		}
		return v.skip(key, maxMetaBytes)
	})
	switch {
	case cut(err):
		return nil, fmt.Errorf("volume_meta: %w: it ends in the middle", ErrJSON)
	case err != nil:
		return nil, fmt.Errorf("volume_meta: %w", err)
	case m.Version != 1 && m.Version != 2:
		return nil, fmt.Errorf("volume_meta: %w", versionError(fmt.Sprint(m.Version), "1 and 2"))
	}
	s := m.summary()
	s.FromImage = image
	return s, mistyped
}

// fields calls each with every name of the next object. each skips the value.
func fields(v *values, each func(v *values, key string) error) error {
	if err := v.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := v.more(first, '}')
		if err != nil || !more {
			return err
		}
		key, err := v.key()
		if err == nil {
			err = v.expect(':')
		}
		if err == nil {
			err = each(v, key)
		}
		if err != nil {
			return err
		}
	}
}

// maxReadMeta bounds the volume_meta that ReadVolumeMeta reads, which needs several times as much
// memory. Cinder's quota of a volume's metadata is 128 items.
const maxReadMeta = 4 << 20

// ReadVolumeMeta reads a volume_meta from r, which must read the range Metadata.VolumeMeta. Results
// and errors are those of ParseVolumeMeta, ErrTooLarge for more than 4 MiB, or errors of r.
func ReadVolumeMeta(r io.Reader) (*VolumeMeta, error) {
	t, err := newValues(r).text(maxReadMeta)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(t); err != nil {
		return nil, named("volume_meta", err)
	}
	return ParseVolumeMeta(b.String())
}

// SizeBytes returns the size of the volume, 0 if it is not recorded or out of range.
func (m *VolumeSummary) SizeBytes() int64 {
	if m == nil {
		return 0
	}
	return (&VolumeMeta{Base: m.Base}).SizeBytes()
}

// SizeBytes returns the size of the volume, 0 if it is not recorded or out of range.
func (m *VolumeMeta) SizeBytes() int64 {
	if m == nil || m.Base.SizeGiB < 1 || m.Base.SizeGiB > MaxVolumeBytes>>30 {
		return 0
	}
	return m.Base.SizeGiB << 30
}
