package cinderconf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cinder.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

const nfs = "[DEFAULT]\nbackup_driver = cinder.backup.drivers.nfs.NFSBackupDriver\n"

func TestFindsWhereTheBackupsAre(t *testing.T) {
	for name, test := range map[string]struct {
		text                     string
		share, point, opts, path string
	}{
		"NFS with defaults": {nfs + "backup_share = 10.0.0.5:/backups\n",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"an IPv6 address, other places": {nfs + "backup_share=[fd00::5]:/b\nstate_path: /srv/cinder\nbackup_mount_options=vers=3,ro\n",
			"[fd00::5]:/b", "/srv/cinder/backup_mount/10b61fad258c5742e97e72641f8351f5", "vers=3,ro", ""},
		"a mount base of its own": {nfs + "backup_share = 10.0.0.5:/backups\nbackup_mount_point_base = ${state_path}/m\n",
			"10.0.0.5:/backups", "/var/lib/cinder/m/056a1b62a1876eb9c3676d8777901260", "", ""},
		"the driver by its module": {"[DEFAULT]\nbackup_driver = cinder.backup.drivers.nfs\nbackup_share = 10.0.0.5:/backups",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"posix with defaults":    {"[DEFAULT]\nbackup_driver = cinder.backup.drivers.posix.PosixBackupDriver\nbackup_share = a:/b\n", "", "", "", "/var/lib/cinder/backup"},
		"posix elsewhere":        {"[DEFAULT]\nbackup_driver=cinder.backup.drivers.posix.PosixBackupDriver\nbackup_posix_path=/b\n", "", "", "", "/b"},
		"no driver, but a share": {"[DEFAULT]\nbackup_share = 10.0.0.5:/backups\nbackup_posix_path = /b\n", "10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"no driver, but a path":  {"[DEFAULT]\nbackup_posix_path = /b\n", "", "", "", "/b"},
		"other sections": {"[nfs1]\nbackup_share = wrong:/1\n" + nfs + "backup_share = 10.0.0.5:/backups\n[lvm]\nbackup_share = wrong:/2\nstate_path=/wrong\n[DEFAULT]\n[default]\nstate_path = /wrong\n",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"the last of repeated keys": {nfs + "backup_share = wrong:/1\n[x]\na=b\n[DEFAULT]\nbackup_share = 10.0.0.5:/backups\n",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"comments, quotes, line ends": {strings.ReplaceAll(nfs, "\n", "\r\n") + "; backup_share = wrong:/1\r\n# backup_share = wrong:/2\r\nbackup_share = \"10.0.0.5:/backups\" \r\n",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"a continued value of another option": {nfs + "sql = a\n  backup_share = wrong:/1\n\nbackup_share = 10.0.0.5:/backups\n",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "", ""},
		"dollars": {nfs + "x = 5\nbackup_share = 10.0.0.$x:/backups\nbackup_mount_options = a=$$b,c=\\$d,$ {e,$1\n",
			"10.0.0.5:/backups", "/var/lib/cinder/backup_mount/056a1b62a1876eb9c3676d8777901260", "a=$b,c=$d,$ {e,$1", ""},
	} {
		c, err := load(t, test.text)
		if err != nil || c.Share != test.share || c.MountPoint != test.point || c.MountOptions != test.opts || c.Path != test.path {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestSaysWhatIsWrongWithAConfiguration(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		err  error
		says string
	}{
		"a driver without files":       {"[DEFAULT]\nbackup_driver = cinder.backup.drivers.ceph.CephBackupDriver\n", ErrNoBackups, "images in a pool"},
		"a driver with files":          {"[DEFAULT]\nbackup_driver = cinder.backup.drivers.glusterfs.GlusterfsBackupDriver\n", ErrNoBackups, "as --share"},
		"a driver of somebody":         {"[DEFAULT]\nbackup_driver = my.Driver\n", ErrNoBackups, "does not know"},
		"another driver":               {"[DEFAULT]\nbackup_share = a:/b\nbackup_driver = cinder.backup.drivers.ceph.CephBackupDriver\n", ErrNoBackups, "CephBackupDriver"},
		"none at all":                  {"[DEFAULT]\n", ErrNoBackups, "Swift"},
		"an empty file":                {"", ErrNoBackups, ""},
		"NFS without a share":          {nfs, ErrNoBackups, "backup_share is not set"},
		"an unknown reference":         {nfs + "backup_share = $my_ip:/b\n", errUnknown, "backup_share uses $my_ip"},
		"a circle":                     {nfs + "backup_share = $a\na = $backup_share\n", nil, "stands for itself"},
		"no section":                   {"backup_share = a:/b\n", ErrSyntax, "line 1"},
		"no assignment":                {"[DEFAULT]\n\npassword\n", ErrSyntax, "line 3"},
		"no name":                      {"[DEFAULT]\n= x\n", ErrSyntax, "line 2"},
		"a bad section":                {"[DEFAULT\n", ErrSyntax, "line 1"},
		"a section without a name":     {"[]\n", ErrSyntax, "line 1"},
		"a continuation of nothing":    {"[DEFAULT]\n  x\n", ErrSyntax, "line 2"},
		"more than a file should have": {strings.Repeat("#\n", MaxBytes/2+1), nil, "larger"},
	} {
		_, err := load(t, test.text)
		if err == nil || test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestFilesOfADirectoryComeAfterOneAnother(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cinder.conf": nfs + "backup_share = wrong:/1\n", "cinder.conf.d/10-a.conf": "[DEFAULT]\nbackup_share = wrong:/2\n",
		"cinder.conf.d/20-b.conf": "[DEFAULT]\nbackup_share = right:/\n", "cinder.conf.d/30-c.txt": "[DEFAULT]\nbackup_share = wrong:/3\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"cinder.conf", "cinder.conf.d"} {
		if c, err := Load(filepath.Join(dir, path)); err != nil || c.Share != "right:/" {
			t.Errorf("%s: %+v %v", path, c, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(nfs + "backup_share = \"$a\"\na = ${state_path}\n b\n")
	f.Add("[DEFAULT]\nbackup_share = $a$a$a\na=$b$b\nb=\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := source{map[string]string{}}
		if err := parse(text, s.values); err == nil {
			s.config()
		} else if !errors.Is(err, ErrSyntax) {
			t.Error(err)
		}
	})
}

func TestObjectStoresAreFound(t *testing.T) {
	const s3, swift = "[DEFAULT]\nbackup_driver = " + S3Driver + "\n", "[DEFAULT]\nbackup_driver = " + SwiftDriver + "\n"
	for text, want := range map[string]Config{
		s3 + "backup_s3_endpoint_url = http://h:1\nbackup_s3_store_access_key = a\nbackup_s3_store_secret_key = b$$\nbackup_s3_sse_customer_key = k\n": {
			Driver: S3Driver, S3: &S3{Bucket: "volumebackups", Endpoint: "http://h:1", Access: "a", Secret: "b$"},
		},
		s3 + "backup_s3_store_bucket = x\nbackup_s3_verify_ssl = False\nbackup_s3_ca_cert_file = /c\nbackup_s3_sse_customer_key = k\nbackup_s3_sse_customer_algorithm = AES256\n": {
			Driver: S3Driver, S3: &S3{Bucket: "x", CA: "/c", Insecure: true, Customer: "k"},
		},
		swift: {Driver: SwiftDriver, Swift: &Swift{Container: "volumebackups"}},
		"[DEFAULT]\nbackup_swift_container = x\nbackup_swift_user = ignored\n": {Driver: SwiftDriver, Swift: &Swift{Container: "x"}},
		swift + "backup_swift_auth = single_user\nbackup_swift_user = u\nbackup_swift_key = k\nbackup_swift_auth_url = http://h/\nbackup_swift_tenant = p\n": {
			Driver: SwiftDriver, Swift: &Swift{Container: "volumebackups", User: "u", Key: "k", AuthURL: "http://h/", Version: "1", Project: "p"},
		},
		"[DEFAULT]\nbackup_driver = " + GCSDriver + "\nbackup_gcs_bucket = g\n": {Driver: GCSDriver, GCS: "g"},
	} {
		if c, err := load(t, text); err != nil || !reflect.DeepEqual(c, want) {
			t.Errorf("%s: %+v %+v %+v %v", text, c, c.S3, c.Swift, err)
		}
	}
}
