package seekable

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// A read that came to the end has seen how the object ends.
func TestTheEndIsCheckedWithoutDecodingAgain(t *testing.T) {
	for _, s := range samples(t) {
		if len(s.want) == 0 {
			continue // it is not read
		}
		t.Run(s.name, func(t *testing.T) {
			e := newEngine(t, Options{NoBuild: true})
			o := e.NewObject(&source{b: s.stored}, s.alg, int64(len(s.want)), Identity{})
			got := make([]byte, len(s.want))
			if err := o.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, s.want) {
				t.Fatal(err)
			}
			starts := e.Stats().Starts
			if err := o.CheckEnd(t.Context()); err != nil || e.Stats().Starts > starts {
				t.Errorf("%v, %d decoders more", err, e.Stats().Starts-starts)
			}

			// One byte fewer is in the object than is stored, and the trailer missing.
			if s.alg == Raw {
				return
			}
			short := e.NewObject(&source{b: s.stored}, s.alg, int64(len(s.want))-1, Identity{Path: "short"})
			cut := e.NewObject(&source{b: slices.Clip(s.stored[:len(s.stored)-1])}, s.alg, int64(len(s.want)), Identity{Path: "cut"})
			for name, o := range map[string]*Object{"short": short, "cut": cut} {
				// Bytes of the last block may be missing with the trailer.
				_ = o.ReadAt(t.Context(), got[:o.length], 0)
				if err := o.CheckEnd(t.Context()); !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
