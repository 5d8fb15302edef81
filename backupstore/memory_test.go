package backupstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// What a tenant's odd zstd frame needs is told, and is no damage.
func TestAWindowThatMemoryDoesNotAllowIsNoDamage(t *testing.T) {
	const size = 24 << 20
	dir := t.TempDir()
	want := bytes.Repeat([]byte{'w'}, size)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("window"), VolumeID: storetest.ID("window's volume"),
		Content: storetest.Bytes(want), Compression: "zstd"})
	stored := binary.LittleEndian.AppendUint32(nil, 0xfd2fb528)
	stored = append(stored, 0, (28-10)<<3) // a window of 256 MiB, and the size unknown
	for left := size; left > 0; {
		left -= 128 << 10
		head := 128<<10<<3 | 1<<1 // 128 KiB of one value
		if left == 0 {
			head |= 1
		}
		stored = append(stored, byte(head), byte(head>>8), byte(head>>16), 'w')
	}
	if err := os.WriteFile(filepath.Join(b.Dir, b.Prefix+"-00001"), stored, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		memory int64
	}{{"more than is allowed", 16 << 20}, {"as much as is allowed", 32 << 20}} {
		t.Run(c.name, func(t *testing.T) {
			catalog := openCatalog(t, dir, backupstore.Options{DecoderBytes: c.memory, MemoryFor: func(n int64) int64 { return 8*n/3 + 1 }})
			got := make([]byte, size)
			err := open(t, catalog, b.ID).ReadAt(t.Context(), got, 0)
			var report backupstore.Report
			verified := catalog.Verify(t.Context(), catalog.Backups(), backupstore.VerifyOptions{}, func(r backupstore.Report) error {
				report = r
				return nil
			})
			if verified != nil || len(report.Damaged) > 0 {
				t.Errorf("verify: %v, damaged %v", verified, report.Damaged)
			}
			if c.memory >= 32<<20 {
				if err != nil || !bytes.Equal(got, want) || !report.OK {
					t.Errorf("error %v, or other bytes, verify: %+v", err, report)
				}
				return
			}
			short, ok := errors.AsType[*backupstore.MemoryError](err)
			if !ok || errors.Is(err, backupstore.ErrDamaged) || short.Window != size || short.Needs > size+2<<20 || short.Backup != b.ID {
				t.Fatalf("error %v", err)
			}
			if !strings.HasSuffix(err.Error(), "give --memory 68MiB or more") {
				t.Errorf("it does not say what to do: %v", err)
			}
			if report.OK || len(report.Unread) != 1 || !errors.Is(report.Unread[0], backupstore.ErrMemory) {
				t.Errorf("verify: %+v", report)
			}
		})
	}
}
