package records

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// oddShown bounds how many backups that Cinder cannot restore are printed; JSON has all.
const oddShown = 20

// Unrestorable returns, with the reason and by id, the backups whose record Cinder would accept and
// then fail to restore, though restorefs reads them. It tells the same to people.
func Unrestorable(ctx context.Context, catalog *backupstore.Catalog,
	chosen []backupstore.Importable, told io.Writer) (map[string]string, error) {
	odd := map[string]string{}
	looked := 0
	for _, b := range chosen {
		if slices.Contains(b.Compression, "zstd") {
			looked++
		}
		why, err := catalog.CinderCannotRestore(ctx, b.Backup)
		if err != nil {
			return nil, err
		}
		if why == "" {
			continue
		}
		odd[b.ID] = why
		if len(odd) <= oddShown {
			fmt.Fprintf(told,
				"Cinder cannot restore %s, nor what is on top of it; restorefs can: its %s\n", b.ID,
				why)
		}
	}
	if n := len(odd) - oddShown; n > 0 {
		fmt.Fprintf(told, "and %d more that Cinder cannot restore (--json names all)\n", n)
	}
	if looked > 0 {
		fmt.Fprintf(told,
			"%s of zstd: Cinder restores objects of one frame that tells its size, which was "+
				"looked at in the first objects and the last one; "+
				"what follows a first frame as long as the object is not looked at\n",
			wording.Count(looked, "record"))
	}
	return odd, nil
}
