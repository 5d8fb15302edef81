package report

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// MetadataScript returns a script for the openstack client that does to a volume's metadata, m,
// what materialize --volume does. It is for machines on which this program cannot reach the API.
func MetadataScript(b *backupstore.Backup, m *format.VolumeMeta) []byte {
	s := &volumeScript{}
	s.line("#!/usr/bin/env bash")
	s.line("# The metadata of volume %s as it was when backup %s was made,",
		wording.ShellWord(b.VolumeID), wording.ShellWord(b.ID))
	s.line("# %s. When the data is on a volume:  bash FILE VOLUME_ID",
		b.CreatedAt.Format(time.RFC3339))
	s.line("# It needs python-openstackclient, logged in as a member of the volume's project.")
	s.line("set -u")
	s.line("volume=${1:?say the id of the volume}\nfailed=0")
	s.metadata(b, m)
	s.imageMetadata(m)
	s.names(m)
	s.line("exit $failed")
	return s.text.Bytes()
}

// volumeScript is a script that is being written.
type volumeScript struct{ text bytes.Buffer }

func (s *volumeScript) line(text string, args ...any) {
	fmt.Fprintf(&s.text, text+"\n", args...)
}

// set sets options of the volume in one call.
func (s *volumeScript) set(options ...string) {
	if len(options) == 0 {
		return
	}
	s.text.WriteString("openstack volume set")
	for _, o := range options {
		s.text.WriteString(" \\\n  " + wording.ShellWord(o))
	}
	s.line(` \` + "\n" + `  "$volume" || failed=1`)
}

// setAlone sets each option in a call of its own, so that one that the cloud refuses does not
// prevent the others.
func (s *volumeScript) setAlone(options []string) {
	for _, o := range options {
		s.line("# Not every Cinder takes this one:")
		s.set(o)
	}
}

func (s *volumeScript) metadata(b *backupstore.Backup, m *format.VolumeMeta) {
	s.line(
		"\n# The metadata, in place of what the volume has. " +
			"(The client fails to clear it where there is none.)",
	)
	s.set("--property=src_backup_id=" + b.ID)
	sure, doubtful := s.pairs("property", m.Metadata)
	s.set(append([]string{"--no-property"}, sure...)...)
	s.setAlone(doubtful)
	if m.Metadata["src_backup_id"] == "" {
		s.line(`[ "$volume" = %s ] ||`, wording.ShellWord(b.VolumeID))
	}
	s.set("--property=src_backup_id=" + b.ID)
}

func (s *volumeScript) imageMetadata(m *format.VolumeMeta) {
	s.line(
		"\n# The image metadata. More that the volume has goes with: " +
			"openstack volume unset --image-property KEY",
	)
	sure, doubtful := s.pairs("image-property", m.Image)
	s.set(sure...)
	s.setAlone(doubtful)
	if m.Base.Bootable {
		s.set("--bootable")
	} else {
		s.set("--non-bootable")
	}
	if id := m.Base.EncryptionKeyID; id != nil {
		s.line("\n# It was encrypted: the data can be read only with encryption_key_id %s,",
			wording.ShellWord(*id))
		s.line("# on a volume of the type with the id %s. The API cannot change that.",
			wording.ShellWord(str(m.Base.VolumeTypeID)))
	}
}

func (s *volumeScript) names(m *format.VolumeMeta) {
	if m.Base.Name == nil && m.Base.Description == nil {
		return
	}
	s.line("\n# The name and description, unless the volume has a name of its own.")
	s.line(`case $(openstack volume show -f value -c name "$volume") in`)
	s.line(`'' | None | restore_backup_*)`)
	var sure, doubtful []string
	for _, o := range []struct {
		name  string
		value *string
	}{{"name", m.Base.Name}, {"description", m.Base.Description}} {
		if option := "--" + o.name + "=" + str(o.value); cinderapi.DoubtfulText(o.value) == "" {
			sure = append(sure, option)
		} else {
			doubtful = append(doubtful, option)
		}
	}
	s.set(sure...)
	s.setAlone(doubtful)
	s.line(";;\nesac")
}

// pairs returns options for metadata, sorted by key: those that every Cinder accepts, and those
// that some refuse. What the client cannot express becomes a comment.
func (s *volumeScript) pairs(option string, metadata map[string]string) (sure, doubtful []string) {
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		v := metadata[k]
		o := "--" + option + "=" + k + "=" + v
		switch {
		case k == "" || strings.Contains(k, "="):
			s.line("# Not possible: --%s=%s: the client takes no such key", option,
				wording.ShellWord(k+"="+v))
		case k == "src_backup_id" && option == "property":
		case cinderapi.DoubtfulPair(k, v) != "":
			doubtful = append(doubtful, o)
		default:
			sure = append(sure, o)
		}
	}
	return sure, doubtful
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
