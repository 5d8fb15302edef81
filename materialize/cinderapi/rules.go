package cinderapi

import (
	"maps"
	"strings"
)

// Rule says which metadata a restored volume gets.
type Rule string

// The rules.
const (
	// RuleBackup restores the metadata that the volume had when the backup was made.
	RuleBackup Rule = "backup"
	// RuleCinder restores what Cinder's own restore does (cinder/backup/driver.py,
	// BackupMetadataAPI.put, for each backup of the chain, the full one first). It can bring back
	// an old name, and metadata that was deleted before the backup.
	RuleCinder Rule = "cinder"
)

// Layer is the metadata of the volume in one backup (volume_meta).
type Layer struct {
	Version         int     // 1 or 2
	Name            *string // nil: the volume had none
	Description     *string
	Bootable        bool
	Metadata        map[string]string // nil: the volume had none
	Image           map[string]string // nil: the volume had none
	VolumeTypeID    *string
	EncryptionKeyID *string // nil: it was not encrypted
}

// Origin is what a volume's metadata is restored from.
type Origin struct {
	BackupID string
	VolumeID string // the volume that was backed up
	// Chain holds the backup itself first and the full one last. A nil Layer is a backup without
	// volume_meta. RuleBackup uses only the first.
	Chain []*Layer
}

// State is the properties of a volume that a restore puts back, besides its data.
type State struct {
	Name        *string           `json:"name"`
	Description *string           `json:"description"`
	Metadata    map[string]string `json:"metadata"`
	Image       map[string]string `json:"image_metadata"`
	Bootable    bool              `json:"bootable"`
	// EncryptionKeyID is nil if any key will do, also none.
	EncryptionKeyID *string `json:"encryption_key_id,omitempty"`
}

// State returns the present state of v. It leaves out admin metadata, which Cinder shows to admins
// among the metadata but keeps elsewhere.
func (v *Volume) State() State {
	s := State{
		Name: v.Name, Description: v.Description, Metadata: maps.Clone(v.Metadata),
		Image:    maps.Clone(v.ImageMetadata),
		Bootable: v.Bootable == "true", EncryptionKeyID: v.EncryptionKeyID,
	}
	maps.DeleteFunc(s.Metadata, adminMetadata)
	return s
}

// adminMetadata reports whether a key is one of the admin metadata that GET shows among the
// volume's own (cinder/api/api_utils.py, add_visible_admin_metadata).
func adminMetadata(key, _ string) bool { return key == "readonly" || key == "attached_mode" }

// Wanted returns the state that a volume, whose state is present, must get by the rule. It is like
// present if the backup has no volume_meta.
func (o Origin) Wanted(rule Rule, volumeID string, present State) State {
	s := present
	s.Metadata, s.Image = maps.Clone(present.Metadata), maps.Clone(present.Image)
	delete(s.Metadata, RunKey) // marks of runs that ended early
	delete(s.Metadata, ReservedKey)
	if rule == RuleCinder {
		for i := len(o.Chain) - 1; i >= 0; i-- {
			if o.Chain[i] != nil {
				s.put(o.Chain[i])
			}
		}
	} else if len(o.Chain) > 0 && o.Chain[0] != nil {
		s.become(o.Chain[0])
	}
	// cinder/backup/manager.py, the end of restore_backup.
	if old := s.Metadata["src_backup_id"]; o.VolumeID != volumeID ||
		old != "" && old != o.BackupID {
		if s.Metadata == nil {
			s.Metadata = map[string]string{}
		}
		s.Metadata["src_backup_id"] = o.BackupID
	}
	return s
}

// unnamed reports whether a volume's name may be replaced: it has none, or one that Cinder gives to
// volumes that it makes for a restore.
func (s *State) unnamed() bool {
	return s.Name == nil || *s.Name == "" || strings.HasPrefix(*s.Name, "restore_backup_")
}

// put applies one layer as Cinder does.
func (s *State) put(l *Layer) {
	if s.unnamed() && l.Name != nil && *l.Name != "" {
		s.Name, s.Description = l.Name, l.Description
	}
	if l.Version >= 2 { // even if it is nil
		s.EncryptionKeyID = l.EncryptionKeyID
	}
	if l.Metadata != nil {
		s.Metadata = maps.Clone(l.Metadata)
	}
	if l.Image != nil {
		s.Image, s.Bootable = maps.Clone(l.Image), true
	}
}

// become makes s what the volume was. An unnamed volume keeps its name if the backup has neither a
// name nor a description.
func (s *State) become(l *Layer) {
	if s.unnamed() && (l.Name != nil || l.Description != nil) {
		s.Name, s.Description = l.Name, l.Description
	}
	s.Metadata, s.Image, s.Bootable = maps.Clone(l.Metadata), maps.Clone(l.Image), l.Bootable
	if l.EncryptionKeyID != nil {
		s.EncryptionKeyID = l.EncryptionKeyID
	}
}
