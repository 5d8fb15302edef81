package backupstore

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestABackupThatCinderCannotRestoreIsKnown(t *testing.T) {
	content := storetest.Text(1<<20, 3)
	raw := make([]byte, 1<<20)
	if _, err := content.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	all, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer
	w, err := zstd.NewWriter(&streamed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for p := raw; len(p) > 0; p = p[1<<16:] {
		if _, err := w.Write(p[:1<<16]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		stored []byte
		says   string
	}{
		"as Cinder writes it":        {nil, ""},
		"one frame with its size":    {all.EncodeAll(raw, nil), ""},
		"two frames":                 {all.EncodeAll(raw[1<<19:], all.EncodeAll(raw[:1<<19], nil)), "object 00001 is of several zstd frames: the first has 524288 of its 1048576 bytes"},
		"a frame without its size":   {streamed.Bytes(), "object 00001 is a zstd frame that does not tell its size"},
		"a skippable frame in front": {all.EncodeAll(raw, []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd")), "object 00001 begins with a skippable zstd frame"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("one"), VolumeID: storetest.ID("volume"), Content: content, Compression: "zstd"})
			if test.stored != nil {
				if err := os.WriteFile(b.Path("-00001"), test.stored, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := share.OpenDir(t.Context(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := NewCatalog(s, Options{})
			defer c.Close()
			if err := c.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := c.CinderCannotRestore(t.Context(), c.Backups()[0])
			if err != nil || got != test.says {
				t.Errorf("%q, %v, not %q", got, err, test.says)
			}
			v, err := c.Open(t.Context(), c.Backups()[0]) // and it is read
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, len(raw))
			if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, raw) {
				t.Errorf("restorefs reads other bytes: %v", err)
			}
		})
	}
	for _, head := range []string{"", "\x28\xb5\x2f\xfd", "\x28\xb5\x2f\xfd\xff", strings.Repeat("\xff", 18)} {
		if why := zstdRefused([]byte(head), 1<<40); why != "" {
			t.Errorf("%q: %s", head, why)
		}
	}
}
