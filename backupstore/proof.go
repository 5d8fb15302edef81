package backupstore

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// Without a digest a wrong byte of a block would go unnoticed. So the objects that the block comes
// from are first decoded as a whole and compared with their MD5, and later reads of them count only
// while they are the same files.

// maxChanges is how often an object may be found changed in one read or proof.
const maxChanges = 3

// proveUncovered proves the objects from which blocks of [off, off+n) without a digest come, before
// anything of them is read: an index that was kept on disk may be wrong, and no digest would show
// it. Damage is left to verify.
func (v *Volume) proveUncovered(ctx context.Context, off, n int64) error {
	for end := off + n; off < end; {
		p := v.pieceAt(off, end)
		off = p.end
		if p.by == byRow {
			if row, err := v.digest(ctx, p); err != nil {
				return err
			} else if row != unreadable {
				continue
			}
		}
		for _, e := range from(v.extents, p.off) {
			if e.off >= p.end {
				break
			}
			if err := v.prove(ctx, e.object); err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
		}
	}
	return nil
}

// proveAll proves the objects of a piece.
func (v *Volume) proveAll(ctx context.Context, p piece) error {
	for _, e := range from(v.extents, p.off) {
		if e.off >= p.end {
			break
		}
		if err := v.prove(ctx, e.object); err != nil {
			return err
		}
	}
	return nil
}

// prove compares a whole object with its MD5, once. Bytes without a digest row are used only after
// that. Other callers for the same object wait.
func (v *Volume) prove(ctx context.Context, ref int) error {
	return v.proveTelling(ctx, ref, func(int64) {})
}

// proveTelling is prove that calls passed repeatedly with the number of bytes that it has decoded,
// if this call decodes them.
func (v *Volume) proveTelling(ctx context.Context, ref int, passed func(n int64)) error {
	for {
		v.proofs.mu.Lock()
		if _, done := v.proofs.done[ref]; done {
			v.proofs.mu.Unlock()
			return nil
		}
		if damage := v.proofs.failed[ref]; damage != nil {
			v.proofs.mu.Unlock()
			return damage
		}
		running := v.proofs.running[ref]
		if running == nil {
			running = make(chan struct{})
			v.proofs.running[ref] = running
			v.proofs.mu.Unlock()
			file, err := v.checkMD5(ctx, ref, passed)
			v.proofs.mu.Lock()
			delete(v.proofs.running, ref)
			if err == nil {
				v.proofs.done[ref] = file
			} else if errors.Is(err, ErrDamaged) {
				v.proofs.failed[ref] = err
			}
			v.proofs.mu.Unlock()
			close(running)
			return err
		}
		v.proofs.mu.Unlock()
		v.catalog.engine.LetGo(ctx) // that proof may wait for memory
		select {
		case <-running: // if it failed, another caller tries
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// proofs records which objects of a volume have been compared with their MD5.
type proofs struct {
	mu      sync.Mutex
	done    map[int]share.Stamp // of the file that was compared
	failed  map[int]error       // DamageErrors
	oddEnds map[int]error       // of objects with the right MD5
	running map[int]chan struct{}
}

func newProofs() *proofs {
	return &proofs{done: map[int]share.Stamp{}, failed: map[int]error{}, oddEnds: map[int]error{},
		running: map[int]chan struct{}{}}
}

// of returns the stamp of the file whose MD5 was right.
func (p *proofs) of(ref int) (st share.Stamp, proven bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st, proven = p.done[ref]
	return st, proven
}

// oddEnd returns what is wrong with how a proven object ends.
func (p *proofs) oddEnd(ref int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.oddEnds[ref]
}

// changed drops what is known of an object whose file had the stamp was when it was proven, and has
// been replaced since.
func (v *Volume) changed(ref int, was share.Stamp) {
	v.proofs.mu.Lock()
	first := v.proofs.done[ref] == was
	if first {
		delete(v.proofs.done, ref)
	}
	v.proofs.mu.Unlock()
	if !first {
		return // done by another goroutine
	}
	path := v.objectPath(ref)
	v.catalog.live.forget(path)
	v.catalog.files.forget(path)
	v.catalog.log.Warn("an object changed while it was in use (nobody but Cinder may write on "+
		"the share): it is compared with its MD5 again",
		"backup", v.chain[v.objects[ref].layer].ID, "object", path)
}

// checkMD5 compares an object with its MD5, and returns the stamp of the file that has it.
func (v *Volume) checkMD5(ctx context.Context, ref int, passed func(n int64)) (share.Stamp, error) {
	o, path := &v.objects[ref], v.objectPath(ref)
	for tries := 1; ; tries++ {
		before, err := v.catalog.files.stamp(ctx, path)
		if err == nil {
			err = v.compareMD5(ctx, ref, before, passed)
		}
		var after share.Stamp
		if err == nil || errors.Is(err, ErrDamaged) {
			damage := err
			if after, err = v.catalog.files.stamp(ctx, path); err == nil {
				err = damage
			}
		}
		switch {
		case errors.Is(err, errChanged) && tries < maxChanges:
		case err != nil && !errors.Is(err, ErrDamaged):
			return before, v.objectError(ctx, o, o.Offset, o.Length, err)
		case before == after:
			return before, err
		case tries == maxChanges:
			return before, v.objectError(ctx, o, o.Offset, o.Length,
				fmt.Errorf("%s %w", path, errChanged))
		}
		v.catalog.live.forget(path)
		v.catalog.files.forget(path)
	}
}

// compareMD5 decodes an object, whose file has the stamp st, and compares its MD5.
func (v *Volume) compareMD5(ctx context.Context, ref int, st share.Stamp,
	passed func(n int64)) error {
	o, start := &v.objects[ref], time.Now()
	b := v.chain[o.layer]
	live, err := v.catalog.live.getOf(ctx, b, o.Object, st)
	if err != nil {
		return v.objectError(ctx, o, o.Offset, o.Length, err)
	}
	defer v.catalog.live.release(live)
	live.value.Disown() // reads without a digest need an index made by this process
	hash := md5.New()
	oddEnd, err := live.value.Check(ctx, func(p []byte) { hash.Write(p); passed(int64(len(p))) })
	if err != nil {
		return v.objectError(ctx, o, o.Offset, o.Length, err)
	}
	if [16]byte(hash.Sum(nil)) != o.MD5 {
		v.catalog.count.unverified.Add(1)
		return v.wrongMD5(o)
	}
	if oddEnd != nil {
		v.noteOddEnd(ref, oddEnd)
	}
	v.catalog.log.Debug("object checked against its MD5", "backup", b.ID,
		"object", b.objectFile(o.Number), "took", time.Since(start))
	return nil
}

func (v *Volume) wrongMD5(o *objectRef) error {
	b := v.chain[o.layer]
	return &DamageError{Backup: b.ID, Object: b.objectFile(o.Number), Offset: o.Offset,
		Length: o.Length,
		Reason: "the object does not have the MD5 that _metadata gives"}
}

// noteOddEnd logs an object whose bytes are right, but whose stream does not end with them, or has
// another checksum.
func (v *Volume) noteOddEnd(ref int, oddEnd error) {
	v.proofs.mu.Lock()
	_, said := v.proofs.oddEnds[ref]
	v.proofs.oddEnds[ref] = oddEnd
	v.proofs.mu.Unlock()
	if !said {
		v.catalog.log.Warn("an object has the MD5 that _metadata gives, so it is used, "+
			"though it does not end as it should",
			"object", v.objectPath(ref), "err", oddEnd)
	}
}
