package backupstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// readersOf starts n readers, each of which does read once it has its turn, and returns how many of
// them have begun.
func readersOf(t *testing.T, turns *turns, n int, read func(context.Context)) (begun func() int) {
	began := make(chan struct{}, n)
	for range n {
		go func() {
			ctx, end, err := turns.begin(t.Context())
			if err != nil {
				return
			}
			defer end()
			began <- struct{}{}
			read(ctx)
		}()
	}
	return func() int { synctest.Wait(); return len(began) }
}

func TestReadersBeginAsOthersEndOrWaitForTheShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{limit: 2}
		next := make(chan struct{})
		begun := readersOf(t, turns, 8, func(context.Context) { <-next })
		for n := 2; n <= 8; n++ {
			if got := begun(); got != n {
				t.Fatalf("%d have begun, not %d", got, n)
			}
			next <- struct{}{}
		}
		close(next)
		begun()
		slow := func(ctx context.Context) {
			answered := asking(ctx)
			<-time.After(time.Second)
			answered()
			<-time.After(time.Second)
		}
		start := time.Now()
		if begun := readersOf(t, turns, 8, slow); begun() != 2 {
			t.Error("others have begun though the share has not been slow yet")
		} else if time.Sleep(slowRead); begun() != 4 {
			t.Errorf("%d have begun, not 4", begun())
		} else if time.Sleep(2 * slowRead); begun() != 8 {
			t.Errorf("%d have begun, not all, of which each waits for the share", begun())
		}
		time.Sleep(2*time.Second - time.Since(start))
		synctest.Wait()
		// All are back from the share, and nobody waits for another to go on.
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if turns.working != 0 || len(turns.waiting) > 0 {
			t.Errorf("at the end %d are at work and %d wait", turns.working, len(turns.waiting))
		}
	})
}

func TestAReaderThatIsCancelledLosesNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{limit: 1}
		_, end, err := turns.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, _, err := turns.begin(ctx)
			failed <- err
		}()
		synctest.Wait()
		begun := readersOf(t, turns, 1, func(context.Context) {})
		begun()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		end()
		if begun() != 1 || turns.working != 0 {
			t.Errorf("%d have begun, %d are at work", begun(), turns.working)
		}
	})
}

// In the time of the test 16 workers read 64 objects, as verify does.
func TestASlowShareIsNoSlowerForTurns(t *testing.T) {
	const objects, reads, workers = 64, 8, 16
	const answer, decode = 30 * time.Millisecond, time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{limit: 2}
		var g errgroup.Group
		g.SetLimit(workers)
		start := time.Now()
		for range objects {
			g.Go(func() error {
				ctx, end, err := turns.begin(t.Context())
				if err != nil {
					return err
				}
				defer end()
				for range reads {
					answered := asking(ctx)
					time.Sleep(answer)
					answered()
					time.Sleep(decode)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		const without = objects / workers * reads * (answer + decode)
		if took := time.Since(start); took > without+objects*slowRead {
			t.Errorf("it took %v, without turns %v", took, without)
		}
	})
}
