package proven

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cache/private/lock"
)

const (
	fileName = "proven.jsonl"
	lockName = "proven.lock"

	maxFile    = 64 << 20 // bytes
	maxLine    = 16 << 10
	maxEntries = 100_000 // the oldest go first
	// lockWait is how long another process may take to save what it has.
	lockWait = 10 * time.Second
)

// read reads the entries of a directory. One without the file has none.
func read(dir string) (map[key]*entry, error) {
	all := map[key]*entry{}
	f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDONLY|private.Flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := private.Check(f); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(io.LimitReader(f, maxFile))
	lines.Buffer(make([]byte, 4<<10), maxLine)
	for lines.Scan() && len(all) < maxEntries {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.sound() {
			all[key{e.Backup, e.Of}] = &e
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, err
	}
	return all, nil
}

// merge adds proofs to the file of a directory, to what others have put there meanwhile.
func merge(ctx context.Context, dir string, news []found, now time.Time) error {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|private.Flags, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := private.Check(f); err != nil {
		return err
	}
	// A file system without locks has the last one win, as it would anyway for one backup.
	err = lock.Wait(ctx, f, lock.Exclusive, lockWait)
	if err != nil && !errors.Is(err, unix.ENOLCK) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	all, err := read(dir)
	if err != nil {
		return err
	}
	for _, f := range news {
		f.addTo(all, now)
	}
	newest := slices.SortedFunc(maps.Values(all), func(a, b *entry) int {
		return cmp.Or(b.last().Compare(a.last()), cmp.Compare(a.Backup, b.Backup),
			cmp.Compare(a.Of, b.Of))
	})
	var text bytes.Buffer
	for _, e := range newest[:min(len(newest), maxEntries)] {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if text.Len()+len(line) < maxFile && len(line) < maxLine {
			text.Write(line)
			text.WriteByte('\n')
		}
	}
	return private.Replace(filepath.Join(dir, fileName), text.Bytes())
}
