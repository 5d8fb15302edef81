package s3

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
)

func TestTheDefaultProfileOfAConfigFileSignsIfItHasCredentials(t *testing.T) {
	credentialed(t)
	keys := "aws_access_key_id = " + fakes3.Access + "\naws_secret_access_key=" + fakes3.Secret + "\n"
	for _, c := range []struct {
		what, config string
		from         string // "": an error
	}{
		{"no file", "-", "nowhere"},
		{"a default profile with keys", "[default]\nregion = eu-1\n" + keys, "profile default"},
		{"the same by its longer name", "[profile default]\n" + keys, "profile default"},
		{"a default profile with a region only", "[default]\nregion = eu-1\n", "nowhere"},
		{"another profile with keys", "[default]\nregion=eu-1\n[profile a]\n" + keys, "nowhere"},
		{"no default profile", "[profile a]\n" + keys, "nowhere"},
		{"keys that are commented out", "[default]\n#aws_access_key_id = a\n", "nowhere"},
		{"half of the keys", "[default]\naws_access_key_id = a\n", ""},
		{"a login that never was", "[default]\nsso_role_name = r\nsso_account_id = 1\n" +
			"sso_start_url = https://example.org\nsso_region = r\n", ""},
	} {
		for _, named := range []bool{false, true} {
			home := t.TempDir()
			file := filepath.Join(home, ".aws", "config")
			for name, value := range map[string]string{"HOME": home, "AWS_ACCESS_KEY_ID": "",
				"AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "",
				"AWS_CONFIG_FILE": ""} {
				t.Setenv(name, value)
			}
			if named {
				file = filepath.Join(home, "named")
				t.Setenv("AWS_CONFIG_FILE", file)
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if c.config != "-" {
				if err := os.WriteFile(file, []byte(c.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := credentialsOf(Spec{Bucket: "b"}, http.DefaultClient)
			if (err == nil) != (c.from != "") || got.from != c.from {
				t.Errorf("%s: from %q, %v", c.what, got.from, err)
			}
		}
	}
}
