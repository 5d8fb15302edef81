package main

import (
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestRecordsTellWhatCinderCannotRestore(t *testing.T) {
	unwatched(t)
	share := t.TempDir()
	content := storetest.Text(1<<20, 3)
	raw := make([]byte, 1<<20)
	if _, err := content.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	write := func(label string) storetest.Backup {
		return storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(label),
			VolumeID: storetest.ID(label + " volume"), Content: content, Compression: "zstd"})
	}
	good, odd := write("good"), write("odd")
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(odd.Path("-00001"), w.EncodeAll(raw[1<<19:],
		w.EncodeAll(raw[:1<<19], nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	const why = "object 00001 is of several zstd frames: the first has 524288 of its 1048576 bytes"
	stdout, stderr, code := restorefs(t, "records", "--share", share, "--json")
	if code != exitcode.Done || strings.Count(stdout, `"cinder_cannot_restore": "`+why) != 1 {
		t.Errorf("exit %d: %s", code, stdout)
	}
	for _, says := range []string{"Cinder cannot restore " + odd.ID, why, "2 records of zstd",
		"what follows a first frame as long as the object is not looked at"} {
		if !strings.Contains(stderr, says) {
			t.Errorf("%q is not in %s", says, stderr)
		}
	}
	if strings.Contains(stderr, good.ID) {
		t.Errorf("%s", stderr)
	}
}
