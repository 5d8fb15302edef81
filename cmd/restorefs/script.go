package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
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
		if len(options) == 0 {
			return
		}
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
	sure, doubtful := pairs(line, "property", m.Metadata)
	set(append([]string{"--no-property"}, sure...)...)
	alone(line, set, doubtful)
	if m.Metadata["src_backup_id"] == "" {
		line(`[ "$volume" = %s ] ||`, shellWord(b.VolumeID))
	}
	set("--property=src_backup_id=" + b.ID)

	line("\n# The image metadata. More that the volume has goes with: openstack volume unset --image-property KEY")
	sure, doubtful = pairs(line, "image-property", m.Image)
	set(sure...)
	alone(line, set, doubtful)
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
		doubtful = nil
		for _, o := range []struct {
			name  string
			value *string
		}{{"name", m.Base.Name}, {"description", m.Base.Description}} {
			if option := "--" + o.name + "=" + str(o.value); cinderapi.DoubtfulText(o.value) == "" {
				options = append(options, option)
			} else {
				doubtful = append(doubtful, option)
			}
		}
		set(options...)
		alone(line, set, doubtful)
		line(";;\nesac")
	}
	line("exit $failed")
	_, err = out.Write(w.Bytes())
	return err
}

// pairs are options for metadata, sorted by key: those that every Cinder takes,
// and those that some refuse. What the client cannot say becomes a comment.
func pairs(line func(string, ...any), option string, metadata map[string]string) (sure, doubtful []string) {
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		v := metadata[k]
		o := "--" + option + "=" + k + "=" + v
		switch {
		case k == "" || strings.Contains(k, "="):
			line("# Not possible: --%s=%s: the client takes no such key", option, shellWord(k+"="+v))
		case k == "src_backup_id" && option == "property":
		case cinderapi.DoubtfulPair(k, v) != "":
			doubtful = append(doubtful, o)
		default:
			sure = append(sure, o)
		}
	}
	return sure, doubtful
}

// alone sets each option in a call of its own, so that one that the cloud
// refuses keeps no other out.
func alone(line func(string, ...any), set func(...string), options []string) {
	for _, o := range options {
		line("# Not every Cinder takes this one:")
		set(o)
	}
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
