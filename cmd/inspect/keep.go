package inspect

import (
	"context"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/proven"
)

// keeper keeps what verify finds out, now and then while it runs for hours.
type keeper struct {
	o    VerifyOptions
	book *proven.Book
	at   time.Time // it was last saved
}

func (k *keeper) add(ctx context.Context, r backupstore.Report) {
	const often = time.Minute
	k.book.Add(r, k.o.Part, time.Now())
	if time.Since(k.at) < often {
		return
	}
	k.at = time.Now()
	if err := k.book.Save(ctx, time.Now()); err != nil {
		k.o.Source.Logger.Info(err.Error()) // the last time counts
	}
}

// end saves the rest, also if verify was interrupted.
func (k *keeper) end() error {
	err := k.book.Save(context.Background(), time.Now())
	if err != nil && !k.o.Record.Named {
		k.o.Source.Logger.Warn(err.Error())
		return nil
	}
	return err
}
