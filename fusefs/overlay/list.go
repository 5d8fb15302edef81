package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private/lock"
	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// Info describes an overlay.
type Info struct {
	Backup  string
	Size    int64     // of the volume, in bytes
	Created time.Time // at the first write; zero if nothing was written yet
	Written int64     // bytes in blocks that were written, as last synced
	Stored  int64     // bytes that its files take
	InUse   bool      // by a mount or a restore
	Problem string    // why it cannot be used, "" if it can
}

// List lists the overlays in a directory, by backup id. It does not wait and
// changes nothing.
func List(dir string) ([]Info, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), mapSuffix)
		if !ok {
			id, ok = strings.CutSuffix(e.Name(), dataSuffix)
		}
		if ok && validID(id) {
			ids[id] = true
		}
	}
	var list []Info
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		info, err := look(dir, id)
		if errors.Is(err, fs.ErrNotExist) {
			if err = lost(directory{dir, os.O_RDONLY}, id); err == nil {
				continue // deleted meanwhile, or left by a crash before anything was written
			}
		}
		if err != nil {
			info.Problem = err.Error()
		}
		list = append(list, info)
	}
	return list, nil
}

// Exists says whether anything was written onto a backup, as far as can be seen
// without opening the overlay; true even if only one of the two files is left.
func Exists(dir, backup string) bool {
	if !validID(backup) {
		return false
	}
	info, err := os.Lstat(filepath.Join(dir, mapName(backup)))
	if err == nil && info.Size() > 0 {
		return true
	}
	_, err = os.Lstat(filepath.Join(dir, dataName(backup)))
	return err == nil
}

func look(dir, id string) (Info, error) {
	info := Info{Backup: id}
	f, err := openRegular(filepath.Join(dir, mapName(id)), os.O_RDONLY)
	if err != nil {
		return info, err
	}
	defer f.Close()
	// Locked only for a moment; a process that opens the overlay now tries
	// again.
	switch err := lock.Try(f, lock.Shared); {
	case err == nil:
		defer lock.Release(f)
	case errors.Is(err, lock.ErrHeld):
		info.InUse = true
	default:
		return info, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	h, err := readHeader(osFile{f})
	if h != nil {
		info.Size, info.Created = h.key.Size, h.created
	}
	if err != nil {
		return info, err
	}
	if h == nil {
		return info, lost(directory{dir, os.O_RDONLY}, id)
	}
	data, err := openData(directory{dir, os.O_RDONLY}, h)
	if err != nil {
		if now, err2 := readHeader(osFile{f}); err2 == nil && now == nil {
			return info, fs.ErrNotExist // it is being discarded
		}
		return info, err
	}
	data.Close()
	for _, name := range []string{mapName(id), dataName(id)} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, name), &st); err != nil {
			return info, &fs.PathError{Op: "lstat", Path: filepath.Join(dir, name), Err: err}
		}
		info.Stored += st.Blocks * 512
	}
	info.Written, err = written(osFile{f}, h)
	return info, err
}

// written adds up the blocks that are set in the map.
func written(index file, h *header) (n int64, err error) {
	size, err := index.Size()
	if err != nil {
		return 0, err
	}
	// A reader of the pages needs no volume.
	o := newOverlay(nil, index, h.key, nil, Options{})
	o.header, o.exists = h, true
	end := min(size, slotOffset(h.key.pages(), 0))
	for i := int64(0); slotOffset(i, 0) < end; i++ {
		start, stop, err := index.NextData(slotOffset(i, 0), end)
		if err != nil {
			return 0, err
		}
		if start >= stop {
			break
		}
		i = (start - headerBytes) / pageBytes
		p, err := o.pin(context.Background(), i)
		if err != nil {
			return 0, err
		}
		if p.words != nil {
			n += pagefile.Count(p.words) * blockBytes
			if last := h.key.blocks() - 1; last/pageBlocks == i &&
				pagefile.NextSet(p.words, int(last%pageBlocks), pageBlocks) < pageBlocks {
				n -= h.key.blocks()*blockBytes - h.key.Size // the last block is short
			}
		}
		o.unpin(p)
	}
	return n, nil
}

// Discard deletes an overlay, whatever it was made on. It fails with ErrInUse
// while the overlay is open anywhere, and with fs.ErrNotExist if there is none.
func Discard(ctx context.Context, dir, backup string) error {
	if !validID(backup) {
		return fmt.Errorf("%q is no backup id", backup)
	}
	flags := os.O_RDWR
	if _, err := os.Lstat(filepath.Join(dir, dataName(backup))); err == nil {
		flags |= os.O_CREATE // the map may be lost
	}
	f, err := lockMap(ctx, filepath.Join(dir, mapName(backup)), flags, lock.Exclusive)
	if err != nil {
		return fmt.Errorf("discard the overlay of backup %s in %s: %w", backup, dir, err)
	}
	defer f.Close()
	d, index := directory{dir, os.O_RDWR}, osFile{f}
	// A map without its data would be damaged; an empty map means that there is
	// no overlay.
	for _, step := range []func() error{
		func() error { return index.Truncate(0) },
		index.Sync,
		func() error { return d.remove(dataName(backup)) },
		func() error { return d.remove(mapName(backup)) },
		d.sync,
	} {
		if err := step(); err != nil {
			return fmt.Errorf("discard the overlay of backup %s in %s: %w", backup, dir, err)
		}
	}
	return nil
}
