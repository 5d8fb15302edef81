package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestCatLeavesHolesInAFileAndTellsOfLongOnesElsewhere(t *testing.T) {
	unwatched(t)
	need(t, "mke2fs")
	from, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	const size = 1<<30 + 1<<20
	for _, name := range []string{"tail", "all"} {
		if err := errors.Join(os.WriteFile(filepath.Join(from, name), nil, 0o644),
			os.Truncate(filepath.Join(from, name), size)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(from, "tail"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("end"), size-3)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	run(t, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", from, image, "4M")
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("holes"), VolumeID: storetest.ID("volume"),
		Content: fileContent(t, image)})
	into := func(out *os.File, paths ...string) string {
		t.Helper()
		defer out.Close()
		cmd := program(t, append([]string{"cat", "--share", share, b.ID}, paths...)...)
		var told bytes.Buffer
		cmd.Stdout, cmd.Stderr = out, &told
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, &told)
		}
		return told.String()
	}
	path := filepath.Join(t.TempDir(), "out")
	for _, flags := range []int{os.O_CREATE, os.O_APPEND} {
		out, err := os.OpenFile(path, os.O_WRONLY|flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if told := into(out, "/tail", "/all"); told != "" {
			t.Errorf("it tells %q", told)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Size != 4*size || st.Blocks > 1<<12 {
		t.Errorf("%d bytes in %d blocks, %v", st.Size, st.Blocks, err)
	}
	got := make([]byte, 7)
	out, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, end := range []int64{size, 3 * size} {
		if _, err := out.ReadAt(got, end-5); string(got) != "\x00\x00end\x00\x00" {
			t.Errorf("%q, %v", got, err)
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if told := into(null, "/all"); !strings.Contains(told, "note    /all: 1.0 GiB of zeros follow") {
		t.Errorf("it tells %q", told)
	}
}
