package locate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
)

func TestABucketOfCindersConfigurationIsOpenedWithItsKeysAndNoOther(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	server, foreign := fakes3.New(t, t.TempDir()), fakes3.New(t, t.TempDir())
	conf := write(t, "[DEFAULT]\nbackup_driver = "+cinderconf.S3Driver+"\nbackup_s3_endpoint_url = "+server.URL+
		"\nbackup_s3_store_access_key = "+fakes3.Access+"\nbackup_s3_store_secret_key = "+fakes3.Secret+"\n")
	for given, works := range map[string]bool{
		"":                               true,
		"s3://" + fakes3.Bucket:          true,
		server.Share():                   true,
		server.Share("anonymous=yes"):    false,
		foreign.Share():                  false, // the keys are not for that server
		"s3://other-bucket?region=eu-1":  false,
		"s3://" + fakes3.Bucket + "?x=1": false,
	} {
		if given == "s3://other-bucket?region=eu-1" {
			t.Setenv("AWS_ENDPOINT_URL", foreign.URL)
		}
		s, err := locate.Open(t.Context(), locate.Options{Share: given, Config: conf, NeedConfig: true})
		t.Setenv("AWS_ENDPOINT_URL", "")
		if (err == nil) != works || err != nil && strings.Contains(err.Error(), fakes3.Secret) {
			t.Errorf("%q: %v", given, err)
		}
		if err == nil {
			if given == "" && !strings.HasPrefix(s.Given, "s3://"+fakes3.Bucket+"?endpoint=http") {
				t.Errorf("it is called %s", s.Given)
			}
			s.Root.Close()
		}
	}
}

func TestADriverThatIsNotReadIsSaidToBeThat(t *testing.T) {
	for driver, says := range map[string]string{
		"cinder.backup.drivers.ceph.CephBackupDriver": "rbd export", "cinder.backup.drivers.glusterfs.GlusterfsBackupDriver": "glusterfs_backup_share",
		"a.b.C": "does not know",
	} {
		_, err := locate.Open(t.Context(), locate.Options{Config: write(t, "[DEFAULT]\nbackup_driver = "+driver+"\n")})
		if !errors.Is(err, cinderconf.ErrNoBackups) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), driver) {
			t.Errorf("%s: %v", driver, err)
		}
	}
}
