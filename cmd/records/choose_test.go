package records

import (
	"errors"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/cmd/cmdline"
)

func TestADriverIsNamedShortOrWhole(t *testing.T) {
	for in, want := range map[string]string{
		"nfs": cinderconf.NFSDriver, "posix": cinderconf.PosixDriver, "a.b.C": "a.b.C",
		"s3": cinderconf.S3Driver, "swift": cinderconf.SwiftDriver, "gcs": cinderconf.GCSDriver,
		"": "", "a b": "", "a\n": "", "ü": "", strings.Repeat("a", 256): "",
	} {
		got, err := Driver(in)
		if got != want || (want == "") != errors.As(err, new(cmdline.UsageError)) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}
