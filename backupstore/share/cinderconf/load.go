package cinderconf

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxBytes bounds one file.
const MaxBytes = 4 << 20

// defaults are Cinder's defaults of options.
var defaults = map[string]string{
	"state_path":              "/var/lib/cinder",
	"backup_mount_point_base": "$state_path/backup_mount",
	"backup_posix_path":       "$state_path/backup",
	"backup_driver":           "cinder.backup.drivers.swift.SwiftBackupDriver",
}

// source holds the options that the files set.
type source struct{ values map[string]string }

// Cinder's names of the drivers.
const (
	NFSDriver   = "cinder.backup.drivers.nfs.NFSBackupDriver"
	PosixDriver = "cinder.backup.drivers.posix.PosixBackupDriver"
	S3Driver    = "cinder.backup.drivers.s3.S3BackupDriver"
	SwiftDriver = "cinder.backup.drivers.swift.SwiftBackupDriver"
	GCSDriver   = "cinder.backup.drivers.gcs.GoogleBackupDriver"
)

// Config is what Cinder's configuration says about backups.
type Config struct {
	Driver string // backup_driver, a class; if not set, the one whose options are set
	// Share is the export that the NFS driver mounts, HOST:/PATH; "" with another driver. While
	// cinder-backup runs it is mounted on MountPoint with MountOptions.
	Share        string
	MountPoint   string
	MountOptions string // comma-separated, "" for none
	Path         string // the directory of the posix driver, "" with another driver
	// S3 and Swift are for these drivers, nil with another one. GCS is the bucket of the one for
	// Google, whose credentials are none for the S3 protocol; "" with another driver.
	S3    *S3
	Swift *Swift
	GCS   string
}

// ErrNoBackups says that no backups are configured of a driver that restorefs finds them of.
var ErrNoBackups = errors.New("no backups that restorefs can find")

// Load reads a file and then PATH.d/*.conf, as Cinder does with /etc/cinder/cinder.conf; or *.conf
// in a directory. The error wraps ErrNoBackups if no backups are configured of a driver that is
// known, fs.ErrNotExist or fs.ErrPermission if the file does not exist or may not be read, and
// ErrSyntax if Cinder could not read it.
func Load(path string) (Config, error) {
	files := []string{path}
	st, err := os.Stat(path)
	if err != nil {
		return Config{}, fmt.Errorf("read Cinder's configuration: %w", err)
	}
	if st.IsDir() {
		files, err = listed(path)
	} else {
		var more []string
		more, err = listed(path + ".d")
		files = append(files, more...)
	}
	if err != nil {
		return Config{}, fmt.Errorf("read Cinder's configuration: %w", err)
	}
	s := source{map[string]string{}}
	for _, file := range files { // in the order of their names
		text, err := read(file)
		if err == nil {
			err = parse(text, s.values)
		}
		if err != nil {
			return Config{}, fmt.Errorf("read Cinder's configuration %s: %w", file, err)
		}
	}
	c, err := s.config()
	if err != nil {
		return Config{}, fmt.Errorf("configuration of Cinder, %s: %w", path, err)
	}
	return c, nil
}

// listed returns the files *.conf of a directory, by name; none if there is no such directory. One
// that may not be read is an error: what stands there may say where the backups are, and how safely
// they are to be mounted.
func listed(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".conf") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, err
}

func read(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // it may be a FIFO
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err == nil && len(text) > MaxBytes {
		err = fmt.Errorf("it is larger than %d MiB", MaxBytes>>20)
	}
	return string(text), err
}

// config decides which driver is configured and returns its options.
func (s source) config() (Config, error) {
	var c Config
	var all error
	get := func(name string) string {
		v, _, err := s.get(name)
		all = errors.Join(all, err)
		return v
	}
	c.Driver = get("backup_driver")
	_, path := s.values["backup_posix_path"]
	_, share := s.values["backup_share"]
	_, driver := s.values["backup_driver"]
	switch {
	case strings.HasPrefix(c.Driver, "cinder.backup.drivers.nfs"):
		share, path = true, false
	case strings.HasPrefix(c.Driver, "cinder.backup.drivers.posix"):
		share, path = false, true
	case driver:
		share, path = false, false
	case share: // no backup_driver, as in the file of another service
		c.Driver, path = NFSDriver, false
	case path:
		c.Driver = PosixDriver
	}
	switch {
	case isDriver(c.Driver, "s3"):
		c.S3 = s.s3(get)
	case isDriver(c.Driver, "swift") && (driver || s.setsSwift()) && !share && !path:
		c.Swift = s.swift(get)
	case isDriver(c.Driver, "gcs") && get("backup_gcs_bucket") != "":
		c.GCS = get("backup_gcs_bucket")
	case share:
		if c.Share = get("backup_share"); c.Share == "" && all == nil {
			return c, fmt.Errorf("%w are configured: backup_driver is %s, "+
				"but backup_share is not set", ErrNoBackups, c.Driver)
		}
		sum := md5.Sum([]byte(c.Share)) // os_brick/remotefs/remotefs.py, get_mount_point
		c.MountPoint = filepath.Join(get("backup_mount_point_base"), hex.EncodeToString(sum[:]))
		c.MountOptions = get("backup_mount_options")
	case path:
		c.Path = get("backup_posix_path")
	default:
		if all == nil {
			return c, otherDriver(c.Driver)
		}
	}
	return c, all
}
