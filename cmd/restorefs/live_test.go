package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestNewFinishedAndDeletedBackupsShowWithoutARemount(t *testing.T) {
	for how, flags := range map[string]string{"from time to time": "200ms", "upon SIGHUP": "1h"} {
		t.Run(how, func(t *testing.T) {
			share, first := smallShare(t)
			mountpoint, server := mountShare(t, share, "--refresh", flags)
			names := func(elem ...string) string {
				if how == "upon SIGHUP" {
					server.Process.Signal(syscall.SIGHUP)
				}
				list, err := os.ReadDir(filepath.Join(append([]string{mountpoint, "backups"},
					elem...)...))
				if err != nil {
					return err.Error()
				}
				var names []string
				for _, e := range list {
					names = append(names, e.Name())
				}
				return strings.Join(names, " ")
			}
			if names() != first.ID {
				t.Fatal(names())
			}
			// Cinder starts and completes a backup.
			other := t.TempDir()
			second := smallBackup(t, other, "two")
			metadata := second.Path("_metadata")
			if err := os.Rename(metadata, filepath.Join(other, "later")); err != nil {
				t.Fatal(err)
			}
			run(t, "cp", "-a", other+"/.", share)
			eventually(t, "the unfinished backup shows",
				func() bool { return names(second.ID) == "problem.txt" })
			rel, err := filepath.Rel(other, metadata)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(share, "later"),
				filepath.Join(share, rel)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is finished", func() bool {
				return names(
					second.ID) == "info.txt metadata.json volume.raw"
			})
			got, err := os.Open(filepath.Join(mountpoint, "backups", second.ID, "volume.raw"))
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			want := make([]byte, 1<<20)
			if _, err := storetest.Text(1<<20, 7).ReadAt(want, 0); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			data := make([]byte, 1<<20)
			if _, err := io.ReadFull(got, data); err != nil || !bytes.Equal(data, want) {
				t.Errorf("it reads otherwise: %v", err)
			}

			// It deletes one that is being read.
			open, err := os.Open(filepath.Join(mountpoint, "backups", first.ID, "volume.raw"))
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			if err := os.RemoveAll(first.Dir); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the deleted backup is gone", func() bool { return names() == second.ID })
			_, err = open.ReadAt(data, 0)
			if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ESTALE) {
				t.Errorf("reading on: %v", err)
			}
			if err == nil && !bytes.Equal(data, want) {
				t.Error("reading on gives other bytes")
			}
		})
	}
}
