package locate_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/locate"
)

func TestPlacesOfAShareAreKnownWithoutTouchingIt(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	posix := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.posix.PosixBackupDriver\nbackup_posix_path = /srv/none\n")
	nfs := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.nfs.NFSBackupDriver\nbackup_share = host.invalid:/e\n")
	bucket := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.s3.S3BackupDriver\nbackup_s3_endpoint_url = https://s3.invalid\nbackup_s3_store_bucket = volumebackups\n")
	container := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.swift.SwiftBackupDriver\n")
	for name, test := range map[string]struct {
		o    locate.Options
		want string // one of them, "" for none
	}{
		"a directory, in full":             {locate.Options{Share: "none"}, filepath.Join(base, "none")},
		"an export that is not mounted":    {locate.Options{Share: "host.invalid:/e/d"}, "host.invalid:/e/d"},
		"an export by restorefs's client":  {locate.Options{Share: "nfs://host.invalid/e"}, "nfs://host.invalid/e"},
		"a bucket":                         {locate.Options{Share: "s3://bucket"}, "s3://bucket"},
		"the directory of a configuration": {locate.Options{Config: posix}, "/srv/none"},
		"the export of a configuration":    {locate.Options{Config: nfs}, "host.invalid:/e"},
		"the bucket of a configuration":    {locate.Options{Config: bucket}, "s3://volumebackups?endpoint=https%3A%2F%2Fs3.invalid"},
		"the container of a configuration": {locate.Options{Config: container}, "swift://volumebackups"},
		"no share":                         {locate.Options{Config: base + "/none"}, ""},
	} {
		got := locate.Places(test.o)
		if test.want == "" && len(got) > 0 || test.want != "" && !slices.Contains(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
		if (strings.HasPrefix(test.want, "s3:") || strings.HasPrefix(test.want, "swift:")) && slices.ContainsFunc(got, filepath.IsAbs) {
			t.Errorf("%s is no directory: %q", name, got)
		}
	}
}
