package backupstore_test

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// An object of Cinder's usual size takes minutes: progress that waits for its end
// looks like a program that hangs.
func TestVerifyTellsHowFarItIsInsideAnObject(t *testing.T) {
	for name, noDigests := range map[string]bool{"by digests": false, "by MD5": true} {
		dir := t.TempDir()
		b := storetest.MustWrite(t, dir, storetest.Spec{
			ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Text(8<<20, 1), Compression: "none",
		})
		if noDigests {
			if err := os.Remove(b.Path("_sha256file")); err != nil {
				t.Fatal(err)
			}
		}
		c, s := faultyCatalog(t, dir)
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		progress := &backupstore.VerifyProgress{}
		var steps atomic.Int64
		last := int64(0)
		s.set(func(op, file string) error {
			if op == "read" && strings.HasSuffix(file, "-00001") {
				if done, _ := progress.Snapshot(); done > last { // one job: one reader
					last = done
					steps.Add(1)
				}
			}
			return nil
		})
		verify(t, c, backupstore.VerifyOptions{Jobs: 1, Progress: progress}, c.Backups()...)
		if steps.Load() < 4 {
			t.Errorf("%s: progress moved %d times while 8 MiB were read", name, steps.Load())
		}
		if done, total := progress.Snapshot(); done != total {
			t.Errorf("%s: %d of %d at the end", name, done, total)
		}
	}
}
