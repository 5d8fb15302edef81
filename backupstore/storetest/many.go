package storetest

import (
	"fmt"
	"time"
)

// WriteMany writes backups of tiny objects (1 KiB, not compressed), an hour
// apart. Every eight of them are a full backup and a chain of seven incremental
// ones of one volume. It is meant for tests of catalogues: 2,000 backups of 16
// objects are 36,000 files and take a few seconds.
func WriteMany(shareDir string, backups, objects int) ([]Backup, error) {
	const (
		chain = 8
		block = 1 << 10
	)
	created := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	out := make([]Backup, 0, backups)
	var previous Content
	for i := range backups {
		s := Spec{
			ID: ID(fmt.Sprint("many ", i)), VolumeID: ID(fmt.Sprint("many volume ", i/chain)),
			Created: created.Add(time.Duration(i) * time.Hour), Name: fmt.Sprint("backup ", i),
			Content: Random(int64(objects)*block, uint64(i)), Compression: "none",
			FileSize: block, ShaBlock: block,
			Volume: Volume{Name: fmt.Sprint("volume ", i/chain)},
		}
		if i%chain > 0 {
			s.ParentID, s.Parent = out[i-1].ID, previous
		}
		b, err := Write(shareDir, s)
		if err != nil {
			return out, err
		}
		previous = s.Content
		out = append(out, b)
	}
	return out, nil
}
