package s3

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// signing are the credentials to sign requests with, and where they are from.
type signing struct {
	*credentials.Credentials
	from      string
	anonymous bool
}

// credentialsOf finds credentials: those that the Spec has or names; else those of the environment;
// else those of the default profile; else none.
func credentialsOf(s Spec, client *http.Client) (signing, error) {
	if s.Anonymous {
		return anonymous(), nil
	}
	var found signing
	switch {
	case s.Keys.Access != "":
		found = signing{Credentials: credentials.NewStaticV4(s.Keys.Access, s.Keys.Secret, ""),
			from: "Cinder's configuration"}
	case s.Profile != "" || s.Credentials != "":
		found = signing{Credentials: credentials.NewFileAWSCredentials(s.Credentials, s.Profile),
			from: "profile " + cmp.Or(s.Profile, os.Getenv("AWS_PROFILE"), "default")}
	case os.Getenv("AWS_ACCESS_KEY_ID") != "":
		found = signing{Credentials: credentials.NewEnvAWS(), from: "the environment"}
	case os.Getenv("AWS_PROFILE") != "" || exists(profiles()):
		found = signing{Credentials: credentials.NewFileAWSCredentials("", ""),
			from: "profile " + cmp.Or(os.Getenv("AWS_PROFILE"), "default")}
	default:
		return anonymous(), nil
	}
	value, err := found.GetWithContext(&credentials.CredContext{Client: client})
	if err != nil {
		return signing{}, fmt.Errorf("credentials of %s: %w", found.from, err)
	}
	if value.AccessKeyID == "" || value.SecretAccessKey == "" {
		return signing{}, fmt.Errorf("credentials of %s: the access key or its secret is missing "+
			"(anonymous=yes in the URL reads without any)", found.from)
	}
	return found, nil
}

func anonymous() signing {
	return signing{Credentials: credentials.NewStatic("", "", "", credentials.SignatureAnonymous),
		from: "nowhere", anonymous: true}
}

// profiles is the file with the default profile.
func profiles() string {
	if file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); file != "" {
		return file
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".aws", "credentials")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return path != "" && err == nil
}

// customerKey returns the key of SSE-C, nil if there is none.
func customerKey(s Spec) ([]byte, error) {
	key := []byte(s.Keys.Customer)
	if s.KeyFile != "" {
		var err error
		if key, err = os.ReadFile(s.KeyFile); err != nil {
			return nil, fmt.Errorf("read the key of SSE-C: %w", err)
		}
		if len(key) == 33 && key[32] == '\n' {
			key = key[:32]
		}
	}
	if len(key) != 0 && len(key) != 32 {
		return nil, fmt.Errorf("the key of SSE-C has %d bytes and must have 32: it is the 32 "+
			"characters of backup_s3_sse_customer_key themselves, encoded in no way", len(key))
	}
	return key, nil
}
