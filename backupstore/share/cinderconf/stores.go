package cinderconf

import (
	"fmt"
	"slices"
	"strings"
)

// S3 is what the S3 driver is told (cinder/backup/drivers/s3.py).
type S3 struct {
	Bucket   string
	Endpoint string // http:// or https://
	CA       string // file of the certificates to trust; "": the system's
	Insecure bool   // any certificate will do
	// Access, Secret and Customer are secrets, "" where there are none; Customer is the key of
	// SSE-C.
	Access, Secret, Customer string
}

// Swift is what the Swift driver is told (cinder/backup/drivers/swift.py).
type Swift struct {
	Container string
	CA        string
	Insecure  bool
	// User and what follows is how the driver logs in with backup_swift_auth = single_user; without
	// it each backup is in the account of its owner's project, and User is "".
	User, Key, AuthURL, Version        string
	Project, UserDomain, ProjectDomain string
}

// storeDefaults are Cinder's defaults of the options of object stores.
var storeDefaults = map[string]string{
	"backup_s3_store_bucket":     "volumebackups",
	"backup_s3_verify_ssl":       "true",
	"backup_swift_container":     "volumebackups",
	"backup_swift_auth":          "per_user",
	"backup_swift_auth_version":  "1",
	"backup_swift_auth_insecure": "false",
}

// isDriver reports whether a class is the driver of a module, whatever the class is called.
func isDriver(class, module string) bool {
	return class == "cinder.backup.drivers."+module ||
		strings.HasPrefix(class, "cinder.backup.drivers."+module+".")
}

// isTrue reads a boolean as oslo.config does.
func isTrue(v string) bool {
	return slices.Contains([]string{"true", "1", "on", "yes"}, strings.ToLower(v))
}

// s3 reads the options of the S3 driver.
func (s source) s3(get func(string) string) *S3 {
	c := &S3{
		Bucket: get("backup_s3_store_bucket"), Endpoint: get("backup_s3_endpoint_url"),
		CA: get("backup_s3_ca_cert_file"), Insecure: !isTrue(get("backup_s3_verify_ssl")),
		Access: get("backup_s3_store_access_key"), Secret: get("backup_s3_store_secret_key"),
	}
	if get("backup_s3_sse_customer_algorithm") != "" { // Cinder uses neither without the other
		c.Customer = get("backup_s3_sse_customer_key")
	}
	return c
}

// swift reads the options of the Swift driver.
func (s source) swift(get func(string) string) *Swift {
	c := &Swift{Container: get("backup_swift_container"), CA: get("backup_swift_ca_cert_file"),
		Insecure: isTrue(get("backup_swift_auth_insecure"))}
	if get("backup_swift_auth") != "single_user" {
		return c
	}
	c.User, c.Key = get("backup_swift_user"), get("backup_swift_key")
	c.AuthURL, c.Version = get("backup_swift_auth_url"), get("backup_swift_auth_version")
	c.Project = get("backup_swift_project")
	if c.Project == "" {
		c.Project = get("backup_swift_tenant")
	}
	c.UserDomain, c.ProjectDomain = get("backup_swift_user_domain"),
		get("backup_swift_project_domain")
	return c
}

// setsSwift reports whether an option of the Swift driver is set, which is the default one.
func (s source) setsSwift() bool {
	for name := range s.values {
		if strings.HasPrefix(name, "backup_swift_") {
			return true
		}
	}
	return false
}

// otherDriver says what a driver is whose backups are found nowhere here, and what can be done.
func otherDriver(driver string) error {
	what := "which restorefs does not know: where it writes files as the NFS and posix drivers " +
		"do, --share DIR reads them"
	switch {
	case isDriver(driver, "ceph"):
		what = "the one for Ceph: its backups are images in a pool, not files, and restorefs " +
			"cannot read them. Cinder's own restore can, and \"rbd export\" gets one out. " +
			"Backups of other drivers that lie elsewhere are read with --share"
	case isDriver(driver, "glusterfs"):
		what = "the one for GlusterFS, which writes the files that the NFS driver writes: mount " +
			"glusterfs_backup_share, and give that directory as --share"
	case isDriver(driver, "tsm"):
		what = "the one for IBM's Tivoli Storage Manager, which restorefs cannot read: restore " +
			"by that, or by the Cinder that made the backups"
	case isDriver(driver, "swift"):
		what = "the one that Cinder has by default, and no option of it is set: say where the " +
			"backups are with --share"
	}
	return fmt.Errorf("%w are configured: backup_driver is %s, %s", ErrNoBackups, driver, what)
}
