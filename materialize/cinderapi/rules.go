package cinderapi

import (
	"maps"
	"strings"
)

// Rule says which metadata a restored volume gets.
type Rule string

// The rules.
const (
	// RuleBackup: as the volume was when the backup was made.
	RuleBackup Rule = "backup"
	// RuleCinder: as Cinder's own restore does it (cinder/backup/driver.py,
	// BackupMetadataAPI.put, for each backup of the chain, the full one first).
	// It can bring back an old name, and what was deleted before the backup.
	RuleCinder Rule = "cinder"
)

// Layer is what one backup holds of its volume's metadata (volume_meta).
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

// Origin is where a volume's metadata is restored from.
type Origin struct {
	BackupID string
	VolumeID string // the volume that was backed up
	// Chain is the backup itself first, the full one last. nil is a backup without
	// volume_meta. RuleBackup looks at the first alone.
	Chain []*Layer
}

// State is what a restore puts back of a volume besides its data.
type State struct {
	Name        *string           `json:"name"`
	Description *string           `json:"description"`
	Metadata    map[string]string `json:"metadata"`
	Image       map[string]string `json:"image_metadata"`
	Bootable    bool              `json:"bootable"`
	// EncryptionKeyID is nil where none is wanted, which is no wish to have none.
	EncryptionKeyID *string `json:"encryption_key_id,omitempty"`
}

// State is what v is now. What Cinder shows to admins among the metadata, but
// keeps elsewhere, is left out.
func (v *Volume) State() State {
	s := State{
		Name: v.Name, Description: v.Description, Metadata: maps.Clone(v.Metadata), Image: maps.Clone(v.ImageMetadata),
		Bootable: v.Bootable == "true", EncryptionKeyID: v.EncryptionKeyID,
	}
	maps.DeleteFunc(s.Metadata, adminMetadata)
	return s
}

// adminMetadata picks the keys of admin metadata that GET shows with the
// volume's own (cinder/api/api_utils.py, add_visible_admin_metadata).
func adminMetadata(key, _ string) bool { return key == "readonly" || key == "attached_mode" }

// Wanted is what the volume that is now present shall become by the rule. It is
// present itself where the backup has no volume_meta.
func (o Origin) Wanted(rule Rule, volumeID string, present State) State {
	s := present
	s.Metadata, s.Image = maps.Clone(present.Metadata), maps.Clone(present.Image)
	delete(s.Metadata, RunKey) // the marks of runs that ended early
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
	if old := s.Metadata["src_backup_id"]; o.VolumeID != volumeID || old != "" && old != o.BackupID {
		if s.Metadata == nil {
			s.Metadata = map[string]string{}
		}
		s.Metadata["src_backup_id"] = o.BackupID
	}
	return s
}

// unnamed reports whether a volume's name is free to be replaced: it has none, or
// the one that Cinder gives to volumes that it makes for a restore.
func (s *State) unnamed() bool {
	return s.Name == nil || *s.Name == "" || strings.HasPrefix(*s.Name, "restore_backup_")
}

// put does what Cinder does with one layer.
func (s *State) put(l *Layer) {
	if s.unnamed() && l.Name != nil && *l.Name != "" {
		s.Name, s.Description = l.Name, l.Description
	}
	if l.Version >= 2 { // null as well
		s.EncryptionKeyID = l.EncryptionKeyID
	}
	if l.Metadata != nil {
		s.Metadata = maps.Clone(l.Metadata)
	}
	if l.Image != nil {
		s.Image, s.Bootable = maps.Clone(l.Image), true
	}
}

// become makes s what the volume was. What a nameless volume is called stays when
// the backup has neither a name nor a description for it.
func (s *State) become(l *Layer) {
	if s.unnamed() && (l.Name != nil || l.Description != nil) {
		s.Name, s.Description = l.Name, l.Description
	}
	s.Metadata, s.Image, s.Bootable = maps.Clone(l.Metadata), maps.Clone(l.Image), l.Bootable
	if l.EncryptionKeyID != nil {
		s.EncryptionKeyID = l.EncryptionKeyID
	}
}
