package locate_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/locate"
)

func TestPlacesOfAShareAreKnownWithoutTouchingIt(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	posix := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.posix.PosixBackupDriver\nbackup_posix_path = /srv/none\n")
	nfs := write(t, "[DEFAULT]\nbackup_driver = cinder.backup.drivers.nfs.NFSBackupDriver\nbackup_share = host.invalid:/e\n")
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
		"no share":                         {locate.Options{Config: base + "/none"}, ""},
	} {
		got := locate.Places(test.o)
		if test.want == "" && len(got) > 0 || test.want != "" && !slices.Contains(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
