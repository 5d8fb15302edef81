package serve

import (
	"context"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// lasting is an error that stays.
type lasting struct{ error }

func (lasting) Locked() bool { return true }

func TestAVolumeThatCouldNotBeUnlockedIsTriedAgainUnlessItStaysLocked(t *testing.T) {
	dir, b := smallShare(t)
	var answers []error
	s := served(t, catalogOf(t, dir, backupstore.Options{}, nil), Options{CacheBytes: 4 << 20,
		Unlock: func(context.Context, *backupstore.Backup, io.ReaderAt, int64) (luks.Disk, error) {
			err := answers[0] // or a panic: it is asked too often
			answers = answers[1:]
			return nil, err
		}})
	answers = []error{unix.EIO, context.Canceled, lasting{luks.ErrKey}}
	for _, want := range []error{unix.EIO, context.Canceled, nil, nil} {
		v, err := s.Plain(t.Context(), b.ID)
		if v != nil || !errors.Is(err, want) {
			t.Errorf("%v, %v, want %v", v, err, want)
		}
	}
}
