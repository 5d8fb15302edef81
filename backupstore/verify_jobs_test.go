package backupstore_test

import (
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Where there is memory for fewer decoders than jobs, a job waits for its turn
// rather than beginning at its object's start again and again.
func TestVerifyDecodesEachObjectOnceHoweverManyJobsThereAre(t *testing.T) {
	const objects = 8
	dir := t.TempDir()
	spec := storetest.Spec{ID: storetest.ID("many"), VolumeID: storetest.ID("v"), Content: storetest.Text(objects*4<<20, 1),
		Compression: "zstd", FileSize: 4 << 20}
	storetest.MustWrite(t, dir, spec)
	for _, jobs := range []int{2, 16, 64} {
		for _, sample := range []float64{0, 0.5} {
			c := openCatalog(t, dir, backupstore.Options{DecoderBytes: 20 << 20, NoIndexBuild: true})
			for _, r := range verify(t, c, backupstore.VerifyOptions{Jobs: jobs, Sample: sample}, c.Backups()...) {
				if !r.OK {
					t.Errorf("%+v", r)
				}
			}
			if s := c.Stats().Decoders; s.Starts+s.Resumes > objects {
				t.Errorf("%d jobs, sample %v: %d decoders were started for %d objects", jobs, sample, s.Starts, objects)
			}
		}
	}
}
