package backupstore

import (
	"context"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// holder is a reader that claims the only decoder that there is memory for.
func holder(t *testing.T) (v *Volume, ctx, held context.Context) {
	t.Helper()
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"),
		Content: storetest.Text(512<<10, 1), Compression: "zlib"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s, err := share.OpenDir(ctx, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCatalog(s, Options{DecoderBytes: 1})
	t.Cleanup(func() { c.Close() })
	if err := c.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	found, err := c.Find(b.ID)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = c.Open(ctx, found); err != nil {
		t.Fatal(err)
	}
	held, done := c.engine.Hold(ctx)
	t.Cleanup(done)
	if err := v.readObject(held, 0, make([]byte, 32<<10), 0); err != nil {
		t.Fatal(err)
	}
	return v, ctx, held
}

// A reader that waits for a proof must not keep the decoder that the proof waits for.
func TestWaitingForAProofHoldsNoDecoder(t *testing.T) {
	v, ctx, held := holder(t)
	other := make(chan error, 1)
	go func() { other <- v.prove(ctx, 0) }()
	for running := false; !running && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		v.proofs.mu.Lock()
		running = v.proofs.running[0] != nil
		v.proofs.mu.Unlock()
	}
	if err := v.prove(held, 0); err != nil {
		t.Error(err)
	}
	if err := <-other; err != nil {
		t.Error(err)
	}
}

// Nor must one that waits for the memory of a block, which a reader has that waits for
// the decoder.
func TestWaitingForTheMemoryOfABlockHoldsNoDecoder(t *testing.T) {
	const block = 2 << 20
	v, ctx, held := holder(t)
	v.catalog.blocks = newBlockMemory(block)
	_, free, err := v.blockBuffer(ctx, block)
	if err != nil {
		t.Fatal(err)
	}
	other := make(chan error, 1)
	go func() {
		defer free()
		other <- v.prove(ctx, 0)
	}()
	if _, free, err := v.blockBuffer(held, block); err != nil {
		t.Error(err)
	} else {
		free()
	}
	if err := <-other; err != nil {
		t.Error(err)
	}
}
