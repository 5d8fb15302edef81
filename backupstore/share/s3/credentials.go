package s3

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

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
	case os.Getenv("AWS_PROFILE") != "" || exists(profiles()) || signs(config()):
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
func profiles() string { return awsFile("AWS_SHARED_CREDENTIALS_FILE", "credentials") }

// config is the file with settings, and in some homes with the default profile's credentials.
func config() string { return awsFile("AWS_CONFIG_FILE", "config") }

// awsFile is a file of the AWS clients: the one that a variable names, or that of the home.
func awsFile(variable, name string) string {
	if file := os.Getenv(variable); file != "" {
		return file
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".aws", name)
}

// signs reports whether a file of settings has a default profile with credentials. Many have only a
// region in it, and are no reason not to read a bucket that is open to all.
func signs(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	within := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			name := strings.Join(strings.Fields(strings.Trim(line, "[]")), " ")
			within = name == "default" || name == "profile default"
			continue
		}
		key, _, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "aws_access_key_id", "credential_process", "sso_role_name":
			if within {
				return true
			}
		}
	}
	return false
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
