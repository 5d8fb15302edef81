package manual

import "strings"

// groups returns for which purposes flags are, in the order in which help has them. A flag whose
// name means something else to one command has a group of that command, which goes before those of
// all commands.
func groups() []Group {
	var out []Group
	of := func(command, title, flags string) {
		out = append(out, Group{Title: title, Command: command, Flags: strings.Fields(flags)})
	}
	of("list", "which backups", "volume name project state since min-size all")
	of("list", "what it looks like", "format sort graph look")
	of("show", "more of it", "look overlay script")
	of("map", "what is drawn", "svg png force verify look")
	of("report", "where it is written", "out force")
	of("mount", "what is shown", "backup volume files overlay refresh")
	of("mount", "who may read it", "allow-other uid gid mode files-owner")
	of("mount", "how it runs",
		"daemon run idle-timeout log-file metrics-listen no-background-index")
	of("unmount", "busy mounts, and none", "lazy timeout if-mounted")
	of("materialize", "what is written",
		"dry-run format force delta verify-after overlay salvage reflink metadata-out yes")
	of("materialize", "a new volume of the cloud",
		"new-volume name type size availability-zone cleanup")
	of("materialize", "a volume of the cloud",
		"volume device-path attach server metadata-rule no-metadata metadata-only")
	of("live", "what the guest uses", "name file")
	of("live", "what is written", "force yes state record")
	of("live", "going on, and ending it", "resume abort")
	of("verify", "what is proven", "volume project since sample target")
	of("diff", "what is compared", "files")
	of("ls", "what is listed", "recursive overlay with")
	of("find", "which files",
		"all name below type newer older min-size max-size ignore-case overlay with")
	of("find", "what is printed", "sort long print0")
	of("cp", "how it is copied", "archive force overlay with")
	of("index", "which backups", "all")
	of("doctor", "what is examined", "cloud wait")
	of("records", "what is made", "script import")
	of("records", "which backups, and for whom",
		"project any-project backup-service bucket")
	of("overlay", "questions", "yes")
	of("cat", "what is read", "overlay with")
	of("tar", "what is read", "overlay with")
	of("", "encrypted volumes", "decrypt luks-key-file luks-passphrase-fd luks-from-cloud")
	of("", "the cloud", "os-cloud")
	of("", "speed and memory",
		"jobs memory bwlimit nice-io disk-cache disk-cache-size cache-dir trust-group")
	of("", "where the backups are", "share cinder-conf mount-options share-timeout")
	of("", "what is said", "json progress record verbose debug log-format")
	return out
}
