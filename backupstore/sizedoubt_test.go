package backupstore_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// The size is one number in _metadata, which no checksum covers; the digests are as many as the
// volume has blocks.
func TestASizeThatTheDigestsContradictIsTold(t *testing.T) {
	from, fixtures := storetest.Fixtures(t)
	f := storetest.Find(t, fixtures, "full zlib")
	dir := alone(t, from, f)
	replace := func(suffix, old, by string) {
		t.Helper()
		path := filepath.Join(dir, f.Prefix+suffix)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(text, []byte(old)) != 1 {
			t.Fatalf("%s does not have %s once", path, old)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(by), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The fixture is of a disk of 512 KiB. Its digests become those of a whole GiB.
	zeros := fmt.Sprintf("%q,", fmt.Sprintf("%x", sha256.Sum256(make([]byte, 32<<10))))
	replace("_sha256file", "\"\n  ],", `",`+strings.TrimSuffix(strings.Repeat(zeros, 1<<15-16), ",")+`],`)

	size := "1"
	for _, next := range []string{"1", "3", "9"} {
		replace("_metadata", `\"size\": `+size+`,`, `\"size\": `+next+`,`)
		size = next
		doubt := ""
		if size != "1" {
			doubt = "its digests are those of a volume of 1 GiB, but its size is " + size + " GiB by its _metadata"
		}
		s, err := share.OpenDir(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		c := backupstore.NewCatalog(s, backupstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer c.Close()
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		b := c.Backups()
		if _, err := c.Open(t.Context(), b[0]); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), doubt) || doubt == "" && log.Len() > 0 {
			t.Errorf("%s GiB: logged: %s", size, log.String())
		}
		var notes []string
		err = c.Verify(t.Context(), b, backupstore.VerifyOptions{}, func(r backupstore.Report) error {
			notes = r.Notes
			return nil
		})
		if all := strings.Join(notes, "; "); err != nil || !strings.Contains(all, doubt) || doubt == "" && all != "" {
			t.Errorf("%s GiB: notes: %s, %v", size, all, err)
		}
	}
}
