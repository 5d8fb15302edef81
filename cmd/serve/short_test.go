package serve

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cache"
)

// A backup that needs more memory than the mount has is shown with what it needs, and is still the
// latest.
func TestABackupThatNeedsMoreMemorySaysHowMuch(t *testing.T) {
	blocks := t.TempDir()
	storetest.MustWrite(t, blocks, storetest.Spec{ID: storetest.ID("blocks"),
		VolumeID: storetest.ID("volume"),
		Content:  storetest.Text(4<<20, 7), ShaBlock: 1 << 20, FileSize: 4 << 20})
	window := t.TempDir()
	const size = 24 << 20
	b := storetest.MustWrite(t, window, storetest.Spec{ID: storetest.ID("window"),
		VolumeID: storetest.ID("volume"),
		Content:  storetest.Text(size, 7), Compression: "zstd"})
	if err := os.WriteFile(b.Path("-00001"), farReaching(size), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir, says string
		is        error
	}{
		"its blocks are too large for the cache": {blocks, "give --memory 8MiB or more",
			cache.ErrMemory},
		"its windows are too large for the decoders": {window, "give --memory 51MiB or more",
			backupstore.ErrMemory},
	} {
		t.Run(name, func(t *testing.T) {
			twice := func(n int64) int64 { return 2 * n }
			catalog := catalogOf(t, c.dir, backupstore.Options{DecoderBytes: 16 << 20,
				MemoryFor: twice}, nil)
			s := served(t, catalog, Options{CacheBytes: 2 << 20, MemoryFor: twice})
			before, err := s.Backups(t.Context())
			if err != nil || len(before) != 1 || before[0].Short != "" {
				t.Fatalf("%+v, %v", before, err)
			}
			disk, err := s.Open(t.Context(), before[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			defer disk.Close()
			for range 2 {
				if _, err := disk.Read(t.Context(), 0, 4096); !errors.Is(err, c.is) {
					t.Fatalf("read: %v", err)
				}
			}
			after, err := s.Backups(t.Context())
			if err != nil || !strings.Contains(after[0].Short,
				"this mount has too little memory for it") ||
				!strings.HasSuffix(after[0].Short, c.says) {
				t.Errorf("%+v, %v", after, err)
			}
			if after[0].Problem != "" || after[0].Partial {
				t.Errorf("it is no longer the latest: %+v", after[0])
			}
		})
	}
}

// farReaching returns a zstd frame of size bytes whose window is 256 MiB.
func farReaching(size int) []byte {
	stored := binary.LittleEndian.AppendUint32(nil, 0xfd2fb528)
	stored = append(stored, 0, (28-10)<<3)
	for left := size; left > 0; {
		left -= 128 << 10
		head := 128<<10<<3 | 1<<1 // 128 KiB of one value
		if left == 0 {
			head |= 1
		}
		stored = append(stored, byte(head), byte(head>>8), byte(head>>16), 'w')
	}
	return stored
}
