package format

import (
	"encoding/json"
	"fmt"
)

// VolumeMeta is the volume's own record as it was when the backup was made:
// the text volume_meta of _metadata (cinder/backup/driver.py,
// BackupMetadataAPI), versions 1 and 2.
type VolumeMeta struct {
	Version int
	// Base is the volume's database row; values are string, json.Number, bool
	// or nil. It may hold credentials: show only named fields.
	Base map[string]any
	// Metadata and Image are nil when the volume had none.
	Metadata map[string]string // the volume's metadata
	Image    map[string]string // volume_glance_metadata of a volume made from an image
}

// ParseVolumeMeta parses the text of volume_meta. Values that are no strings
// in the two maps are refused; fields that it does not know are ignored.
func ParseVolumeMeta(text string) (*VolumeMeta, error) {
	var raw struct {
		Version int               `json:"version"`
		Base    map[string]any    `json:"volume-base-metadata"`
		Meta    map[string]string `json:"volume-metadata"`
		Image   map[string]string `json:"volume-glance-metadata"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("volume_meta: %w: %w", ErrJSON, err)
	}
	if raw.Version != 1 && raw.Version != 2 {
		return nil, fmt.Errorf("volume_meta: %w %d, this program knows 1 and 2", ErrVersion, raw.Version)
	}
	return &VolumeMeta{Version: raw.Version, Base: raw.Base, Metadata: raw.Meta, Image: raw.Image}, nil
}

// String returns the base field name when it is a string, else "".
func (m *VolumeMeta) String(name string) string {
	if m == nil {
		return ""
	}
	s, _ := m.Base[name].(string)
	return s
}

// Bool returns the base field name when it is a boolean, else false.
func (m *VolumeMeta) Bool(name string) bool {
	if m == nil {
		return false
	}
	b, _ := m.Base[name].(bool)
	return b
}

// SizeBytes is the volume's size, 0 when it is not recorded or nonsense.
func (m *VolumeMeta) SizeBytes() int64 {
	if m == nil {
		return 0
	}
	gib, _ := m.Base["size"].(float64)
	if gib < 1 || gib > MaxVolumeBytes>>30 || gib != float64(int64(gib)) {
		return 0
	}
	return int64(gib) << 30
}
