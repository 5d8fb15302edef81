package seekable

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const events = eventDeceived + 1

// Every event in every state, those that change nothing as well.
func TestTrustChangesByItsTablesAndInNoOtherWay(t *testing.T) {
	same := func(s indexTrust) (row [events]indexTrust) {
		for i := range row {
			row[i] = s
		}
		return row
	}
	index := map[indexTrust][events]indexTrust{
		indexFound: same(indexFound), indexCleared: same(indexCleared), indexDropped: same(indexDropped),
	}
	for s, row := range index {
		row[eventMisled] = indexDropped
		if s == indexFound {
			row[eventDamaged] = indexCleared
		}
		for e, want := range row {
			tr := trust{index: s}
			if changed := tr.met(event(e)); tr.index != want || changed != (want != s) && event(e) <= eventDamaged {
				t.Errorf("index %d, event %d: %d, changed %t, not %d", s, e, tr.index, changed, want)
			}
		}
	}
	for s, row := range map[behindTrust][events]behindTrust{
		behindUnsought: {behindUnsought, behindUnsought, behindSeeking, behindUnsought, behindUnsought, behindUnsought},
		behindSeeking:  {behindSeeking, behindSeeking, behindSeeking, behindUnsought, behindEntrance, behindSeeking},
		behindEntrance: {behindEntrance, behindEntrance, behindEntrance, behindEntrance, behindEntrance, behindOnly},
		behindOnly:     {behindOnly, behindOnly, behindOnly, behindOnly, behindOnly, behindOnly},
	} {
		for e, want := range row {
			tr := trust{index: indexDropped, behind: s}
			if changed := tr.met(event(e)); tr.behind != want || changed != (want != s) {
				t.Errorf("behind %d, event %d: %d, changed %t, not %d", s, e, tr.behind, changed, want)
			}
		}
	}
}

func TestTheInvariantsOfTrustHoldWhateverHappens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	reached := map[[2]uint8]bool{}
	for range 2000 {
		var tr trust
		for range 12 {
			before := tr
			switch e := event(rng.IntN(int(events) + 1)); e {
			case eventEntered:
				en := &entry{out: rng.Int64N(100), shift: rng.Int64N(50)}
				if rng.IntN(2) == 0 {
					en = &entry{out: en.out, cp: &stream.Checkpoint{}}
				}
				tr.enter(en)
			case events:
				tr.widen(rng.Int64N(100))
			default:
				tr.met(e)
			}
			reached[[2]uint8{uint8(tr.index), uint8(tr.behind)}] = true
			if (tr.entry != nil) != (tr.behind == behindEntrance || tr.behind == behindOnly) {
				t.Fatalf("%+v after %+v: an entry without its state, or the other way round", tr, before)
			}
			if before.index == indexDropped && tr.index != indexDropped {
				t.Fatalf("%+v after %+v: what was dropped is back", tr, before)
			}
			if before.entry != nil {
				if tr.entry == nil || tr.entry.out > before.entry.out || tr.entry.cp != before.entry.cp || tr.entry.shift != before.entry.shift {
					t.Fatalf("%+v after %+v: another entry", tr, before)
				}
			}
			if tr.entry != nil && tr.entry.out < tr.entry.shift && tr.entry != before.entry && before.entry != nil {
				t.Fatalf("%+v after %+v: of use before there is anything", tr, before)
			}
			if en, only := tr.at(50); en != nil && (en.out > 50 || only != (tr.behind == behindOnly)) || en == nil && tr.entry != nil && tr.entry.out <= 50 {
				t.Fatalf("%+v: %+v, %t at 50", tr, en, only)
			}
		}
	}
	if len(reached) != 3*4 {
		t.Errorf("%d of 12 pairs of states were reached", len(reached))
	}
}

func TestWhatDependsOnADroppedIndexIsNotReadOnWith(t *testing.T) {
	for _, s := range indexedSamples(t)[:2] { // the third is read from the share in one piece
		t.Run(s.name, func(t *testing.T) {
			e := newEngine(t, Options{NoBuild: true})
			src := &source{b: s.stored}
			o := e.NewObject(src, s.alg, int64(len(s.want)), Identity{Path: "o"})
			defer o.Close()
			p := make([]byte, 1000)
			read := func(off int64) Stats {
				t.Helper()
				before := e.Stats()
				if err := o.ReadAt(t.Context(), p, off); err != nil || !bytes.Equal(p, s.want[off:off+1000]) {
					t.Fatal(err)
				}
				after := e.Stats()
				return Stats{Starts: after.Starts - before.Starts, Continuations: after.Continuations - before.Continuations}
			}
			read(0)
			if d := read(1000); d.Continuations != 1 {
				t.Fatalf("a read that goes on: %+v", d)
			}
			// The index is dropped while the next read is under way.
			dropped := false
			src.before = func(context.Context, int, int64) error {
				if !dropped {
					dropped = true
					o.Disown()
				}
				return nil
			}
			off := int64(len(s.want)) / 2
			read(off)
			if !dropped {
				t.Fatal("nothing was read of the share")
			}
			if d := read(off + 1000); d.Starts != 1 || d.Continuations != 0 {
				t.Errorf("a decoder from before is gone on with: %+v", d)
			}
			if d := read(off + 2000); d.Starts != 0 || d.Continuations != 1 {
				t.Errorf("a decoder since then is not gone on with: %+v", d)
			}
		})
	}
}

func TestAnEntryBehindDamageOutlivesTheIndex(t *testing.T) {
	s := noisy(t, Bzip2, 30, 40)
	e := newEngine(t, Options{})
	o := s.open(e, "o")
	defer o.Close()
	if found, err := o.Resync(t.Context(), lost(t, o, s.want)); !found || err != nil {
		t.Fatalf("%t, %v", found, err)
	}
	at := o.Entry()
	o.Disown()
	if o.Entry() != at {
		t.Fatalf("the entry at %d is at %d now", at, o.Entry())
	}
	r := newReader(3, s.want)
	before := e.Stats().Continuations
	for i := range int64(3) {
		if ok, err := r.check(t.Context(), o, at+1<<20+i*1000, 1000); !ok || err != nil {
			t.Fatalf("right %t, %v", ok, err)
		}
	}
	if n := e.Stats().Continuations - before; n != 2 {
		t.Errorf("%d of 2 reads went on where the one before ended", n)
	}
}
