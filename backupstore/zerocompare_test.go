package backupstore_test

import (
	"bytes"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Zeros among the data, too few to be passed over, have been compared when the data
// was read: a copy does not go back for them when it comes to the next long run.
func TestACopyDecodesAnObjectOnce(t *testing.T) {
	const pieces, each = 16, 1 << 20
	want := make([]byte, pieces*each)
	text := all(t, storetest.Text(each/2, 1))
	for at := 0; at < len(want); at += each {
		copy(want[at:], text)
		clear(want[at+128<<10:][:64<<10])
	}
	for _, compression := range []string{"zlib", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"),
				Content: storetest.Bytes(want), Compression: compression})
			c := openCatalog(t, dir, backupstore.Options{NoIndexBuild: true})
			if got := copyOf(t, open(t, c, b.ID), int64(len(want))); !bytes.Equal(got, want) {
				t.Error("a copy is wrong")
			}
			if s := c.Stats().Decoders; s.Starts+s.Resumes != 1 {
				t.Errorf("%d decoders were started", s.Starts+s.Resumes)
			}
		})
	}
}
