package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/fakes3"
	"github.com/restorefs/restorefs/cmd/records"
)

func TestABucketIsListedRestoredAndRecordedLikeAnyShare(t *testing.T) {
	firstPass(t)
	dir := t.TempDir()
	full, last := storetest.Disk(6<<20, 1), storetest.Random(6<<20, 2)
	a := storetest.MustWrite(t, dir, storetest.Spec{
		ID: storetest.ID("a"), VolumeID: storetest.ID("v"), Content: full, Bucket: true, Zone: "zone/ä", FileSize: 1 << 20,
	})
	b := storetest.MustWrite(t, dir, storetest.Spec{
		ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: last, ParentID: a.ID, Parent: full, Bucket: true, FileSize: 1 << 20,
	})
	server := fakes3.New(t, dir)
	t.Setenv("AWS_ACCESS_KEY_ID", fakes3.Access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", fakes3.Secret)
	cache := t.TempDir()
	for range 2 {
		out, errOut, code := restorefs(t, "list", "--share", server.Share(), "--cache-dir", cache)
		if code != 0 || !strings.Contains(out, a.ID) || !strings.Contains(out, b.ID) || strings.Contains(out, "broken") {
			t.Fatalf("%d %s%s", code, out, errOut)
		}
	}
	target := filepath.Join(t.TempDir(), "disk.raw")
	if _, errOut, code := restorefs(t, "materialize", "--share", server.Share(), "--yes", b.ID, target); code != 0 {
		t.Fatalf("%d %s", code, errOut)
	}
	want := make([]byte, 6<<20)
	if _, err := last.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || !bytes.HasPrefix(got, want) {
		t.Errorf("the target is wrong: %v", err)
	}
	if _, errOut, code := restorefs(t, "verify", "--share", server.Share()); code != 0 {
		t.Errorf("%d %s", code, errOut)
	}
	out, errOut, code := restorefs(t, "records", "--json", "--backup-service", "s3", "--share", server.Share(), b.ID)
	var all []records.Record
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || len(all) != 2 || all[0].Record.Container != fakes3.Bucket ||
		all[0].Record.ServiceMetadata != a.Key {
		t.Errorf("%d %v: %s%s", code, err, out, errOut)
	}
	if all := server.Requests("P"); len(all) > 0 {
		t.Errorf("it has sent %v", all)
	}
}
