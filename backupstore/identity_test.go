package backupstore_test

import (
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestTheIdentityIsThatOfTheBytes(t *testing.T) {
	make := func(content storetest.Content, sha int, created time.Time) [32]byte {
		t.Helper()
		dir := t.TempDir()
		id := storetest.ID("identity")
		storetest.MustWrite(t, dir, storetest.Spec{
			ID: id, VolumeID: storetest.ID("volume"), Content: content, FileSize: 1 << 20, ShaBlock: sha, Created: created,
		})
		return open(t, openCatalog(t, dir, backupstore.Options{}), id).Identity()
	}
	day := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	one := make(storetest.Disk(3<<20, 1), 0, day)
	if again := make(storetest.Disk(3<<20, 1), 0, day); again != one {
		t.Error("the same backup elsewhere is another one")
	}
	if digests := make(storetest.Disk(3<<20, 1), 64<<10, day); digests != one {
		t.Error("it depends on the digest file")
	}
	if bytes := make(storetest.Disk(3<<20, 2), 0, day); bytes == one {
		t.Error("other bytes are the same")
	}
	if later := make(storetest.Disk(3<<20, 1), 0, day.Add(time.Second)); later == one {
		t.Error("a backup of another time is the same")
	}
}
