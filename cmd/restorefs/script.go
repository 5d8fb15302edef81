package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// writeScript writes what materialize --volume does to a volume's metadata as a
// script for the openstack client, for where this program reaches no API.
func writeScript(ctx context.Context, out io.Writer, b *backupstore.Backup) error {
	m, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("backup %s has no usable record of its volume's metadata: there is nothing to make a script of", b.ID)
	}
	var w bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	set := func(options ...string) {
		w.WriteString("openstack volume set")
		for _, o := range options {
			w.WriteString(" \\\n  " + shellWord(o))
		}
		line(` \` + "\n" + `  "$volume" || failed=1`)
	}
	line("#!/usr/bin/env bash")
	line("# The metadata of volume %s as it was when backup %s was made,", shellWord(b.VolumeID), shellWord(b.ID))
	line("# %s. When the data is on a volume:  bash FILE VOLUME_ID", b.CreatedAt.Format(time.RFC3339))
	line("# It needs python-openstackclient, logged in as a member of the volume's project.")
	line("set -u")
	line("volume=${1:?say the id of the volume}\nfailed=0")

	line("\n# The metadata, in place of what the volume has. (The client fails to clear it where there is none.)")
	set("--property=src_backup_id=" + b.ID)
	set(append([]string{"--no-property"}, pairs(line, "property", m.Metadata)...)...)
	if m.Metadata["src_backup_id"] == "" {
		line(`[ "$volume" = %s ] ||`, shellWord(b.VolumeID))
	}
	set("--property=src_backup_id=" + b.ID)

	line("\n# The image metadata. More that the volume has goes with: openstack volume unset --image-property KEY")
	if properties := pairs(line, "image-property", m.Image); len(properties) > 0 {
		set(properties...)
	}
	if m.Base.Bootable {
		set("--bootable")
	} else {
		set("--non-bootable")
	}
	if id := m.Base.EncryptionKeyID; id != nil {
		line("\n# It was encrypted: the data can be read only with encryption_key_id %s,", shellWord(*id))
		line("# on a volume of the type with the id %s. The API cannot change that.", shellWord(str(m.Base.VolumeTypeID)))
	}
	if m.Base.Name != nil || m.Base.Description != nil {
		line("\n# The name and description, unless the volume has a name of its own.")
		line(`case $(openstack volume show -f value -c name "$volume") in`)
		line(`'' | None | restore_backup_*)`)
		options := []string{}
		for _, o := range []struct {
			name  string
			value *string
		}{{"name", m.Base.Name}, {"description", m.Base.Description}} {
			if why := cinderapi.RefusedText(o.value); why != "" {
				line("# Not possible: --%s=%s: %s", o.name, shellWord(*o.value), why)
				continue
			}
			options = append(options, "--"+o.name+"="+str(o.value))
		}
		if len(options) > 0 {
			set(options...)
		}
		line(";;\nesac")
	}
	line("exit $failed")
	_, err = out.Write(w.Bytes())
	return err
}

// pairs are options for metadata, sorted by key; what the API refuses becomes a
// comment.
func pairs(line func(string, ...any), option string, metadata map[string]string) []string {
	var options []string
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		if why := cinderapi.RefusedPair(k, metadata[k]); why != "" {
			line("# Not possible: --%s=%s: %s", option, shellWord(k+"="+metadata[k]), why)
		} else if k != "src_backup_id" || option != "property" {
			options = append(options, "--"+option+"="+k+"="+metadata[k])
		}
	}
	return options
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
