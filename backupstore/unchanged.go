package backupstore

import (
	"context"

	"github.com/restorefs/restorefs/backupstore/share"
)

// manyBackups is from how many in one directory on listing it takes fewer calls than asking for
// each _metadata, of a share whose listings tell stamps.
const manyBackups = 4

// unchanged reports whether a directory holds the names that are remembered, with the same
// _metadata. Those of a share are seldom listed again: their own stamp says that no name has come
// or gone. The error is that of ctx, or says that the server is away.
func (s *scanner) unchanged(ctx context.Context, v *visit, at place) (bool, error) {
	w := v.was
	if w == nil || s.memory.anew {
		return false, nil
	}
	toldSo := at.told != (share.Stamp{})
	if toldSo && !w.Stamp.Is(at.told) || !toldSo && !w.Stamp.Known() {
		return false, nil
	}
	for _, f := range w.Backups {
		if s.memory.busy(f.Path) {
			return false, nil // an object that was repaired in its place must be noticed
		}
	}
	switch {
	case at.depth == 0 && len(w.Backups) == 0:
		return false, nil // listing it may tell the stamps of all below
	case toldSo && len(w.Backups) == 0:
		return len(w.Dirs) < 2, nil // as above
	case len(w.Backups) > manyBackups && (toldSo || s.tells):
		return false, nil
	}
	names := make([]string, len(w.Backups))
	for i, f := range w.Backups {
		names[i] = f.Prefix() + "_metadata"
	}
	own, of, err := s.share.Look(ctx, at.dir, names)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case share.Away(err):
		return false, err
	case err != nil:
		return false, nil // listing it will say what is wrong
	}
	same := w.Stamp.Is(own)
	for i, f := range w.Backups {
		same = same && f.Metadata.Is(of[i])
	}
	return same, nil
}
