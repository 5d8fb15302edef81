package format

import (
	"encoding/json"
	"errors"
	"fmt"
)

// VolumeMeta is the volume's own record as it was when the backup was made:
// the text volume_meta of _metadata (cinder/backup/driver.py,
// BackupMetadataAPI), versions 1 and 2.
type VolumeMeta struct {
	Version int        `json:"version"`
	Base    VolumeBase `json:"volume-base-metadata"`
	// Metadata and Image are nil when the volume had none.
	Metadata map[string]string `json:"volume-metadata"`
	Image    map[string]string `json:"volume-glance-metadata"` // of a volume made from an image
}

// VolumeBase is what is of use of the volume's database row; nil is null. The
// row has more, credentials among it (provider_auth), which is not kept.
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

// ParseVolumeMeta parses the text of volume_meta; fields that it does not know
// are ignored. When fields that it knows are not of the type they should be,
// it returns the others with an error that wraps ErrJSON; else the result is
// nil when there is an error.
func ParseVolumeMeta(text string) (*VolumeMeta, error) {
	m := new(VolumeMeta)
	err := json.Unmarshal([]byte(text), m)
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field != "" && mistyped.Field != "version":
		err = fmt.Errorf("volume_meta: %w: %w", ErrJSON, err)
	case err != nil:
		return nil, fmt.Errorf("volume_meta: %w: %w", ErrJSON, err)
	}
	if m.Version != 1 && m.Version != 2 {
		return nil, fmt.Errorf("volume_meta: %w %d, this program knows 1 and 2", ErrVersion, m.Version)
	}
	return m, err
}

// SizeBytes is the volume's size, 0 when it is not recorded or nonsense.
func (m *VolumeMeta) SizeBytes() int64 {
	if m == nil || m.Base.SizeGiB < 1 || m.Base.SizeGiB > MaxVolumeBytes>>30 {
		return 0
	}
	return m.Base.SizeGiB << 30
}
