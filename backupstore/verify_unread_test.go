package backupstore_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestWhatTheShareDoesNotGiveIsNotDamageAndIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Text(4<<20, 1), FileSize: 1 << 20})
	for _, fault := range []error{syscall.EACCES, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT} {
		for _, file := range []string{"-0000", "_metadata"} {
			c, s := faultyCatalog(t, dir)
			failing := func(op, name string) error {
				if op == "open" && strings.Contains(name, file) {
					return fault
				}
				return nil
			}
			if file == "_metadata" {
				s.set(failing)
			}
			if err := c.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.set(failing)
			r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]
			if r.OK || len(r.Damaged) > 0 || len(r.Unread) != 1 || !errors.Is(r.Unread[0], fault) {
				t.Errorf("%s, %v: %+v", file, fault, r)
			}
			if file != "_metadata" {
				continue
			}
			if _, err := c.Open(t.Context(), c.Backups()[0]); !errors.Is(err, fault) || errors.Is(err, backupstore.ErrDamaged) {
				t.Errorf("open: %v", err)
			}
		}
	}
}
