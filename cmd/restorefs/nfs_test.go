package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/ganesha"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// A real server, restorefs's own client, and all that is done with a share.
func TestAnExportIsReadWithoutAMount(t *testing.T) {
	firstPass(t)
	server := ganesha.New(t, ganesha.Options{})
	const size = 3 << 20
	b := storetest.MustWrite(t, server.Export, storetest.Spec{
		ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(size, 1),
	})
	want := make([]byte, size)
	if _, err := storetest.Random(size, 1).ReadAt(want, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	share := server.URL("")
	for _, command := range []string{"list", "verify"} {
		out, errOut, code := restorefs(t, command, "--share", share)
		if code != 0 || command == "list" && !strings.Contains(out, b.ID) {
			t.Errorf("%s: %d %s %s", command, code, out, errOut)
		}
	}
	target := filepath.Join(t.TempDir(), "disk.raw")
	if _, errOut, code := restorefs(t, "materialize", "--yes", "--share", share, b.ID,
		target); code != 0 {
		t.Fatalf("%d %s", code, errOut)
	}
	disk, err := os.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	got := make([]byte, size)
	if _, err := io.ReadFull(disk, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes were restored, %v", err)
	}
}

func TestAServerThatIsNotThereIsToldAtOnce(t *testing.T) {
	firstPass(t)
	out, errOut, code := restorefs(t, "list", "--share", "nfs://127.0.0.1:1/export")
	if code != 1 || !strings.Contains(errOut, "connection refused") ||
		!strings.Contains(errOut, "is it running") {
		t.Errorf("%d %s %s", code, out, errOut)
	}
	out, errOut, code = restorefs(t, "list", "--share", "nfs://127.0.0.1/export?vers=3")
	if code != exitcode.Usage ||
		!strings.Contains(errOut, "version, uid, gid, nfsport, mountport") {
		t.Errorf("%d %s %s", code, out, errOut)
	}
}

func TestAServerThatStandsStillIsWaitedForAsLongAsIsSaid(t *testing.T) {
	firstPass(t)
	server := ganesha.New(t, ganesha.Options{})
	b := storetest.MustWrite(t, server.Export, storetest.Spec{
		ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(1<<20, 1),
	})
	server.Signal(syscall.SIGSTOP)
	for _, command := range [][]string{{"list"}, {"verify", b.ID}, {"show", b.ID}} {
		args := append(command, "--share", server.URL(""), "--share-timeout", "1s")
		_, errOut, code := restorefs(t, args...)
		if code != 1 || !strings.Contains(errOut, " for 1s (see that") {
			t.Errorf("%v: %d %s", command, code, errOut)
		}
	}
	server.Signal(syscall.SIGCONT)
	if _, errOut, code := restorefs(t, "verify", "--share", server.URL(""), "--share-timeout",
		"40s"); code != 0 {
		t.Errorf("%d %s", code, errOut)
	}
	_, errOut, code := restorefs(t, "list", "--share", server.URL(""), "--share-timeout", "0s")
	if code != exitcode.Usage || !strings.Contains(errOut, "a second or more") {
		t.Errorf("%d %s", code, errOut)
	}
}
