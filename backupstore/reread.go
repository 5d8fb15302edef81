package backupstore

import (
	"context"
	"errors"
)

// reread tries other ways to read a block that was decoded wrongly.
func (v *Volume) reread(ctx context.Context, b []byte, off int64, damage error) error {
	for _, again := range []func(context.Context, []byte, int64) (bool, error){v.reenter,
		v.readPlain} {
		tried, err := again(ctx, b, off)
		if !tried {
			continue
		}
		if damage = err; !errors.Is(err, ErrDamaged) {
			break
		}
	}
	return damage
}

// resync has the objects of a block that could not be had look for where decoding can continue
// after the damage, for later blocks. A block that is itself after that place is read again. found
// says that the objects return other bytes from now on.
func (v *Volume) resync(ctx context.Context, b []byte, off int64,
	damage error) (found bool, err error) {
	behind := false
	for _, e := range from(v.extents, off) {
		if e.off >= off+int64(len(b)) {
			break
		}
		o := &v.objects[e.object]
		live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
		if err != nil {
			return found, damage // it is missing, or cannot be reached
		}
		start := max(e.off, off) - o.Offset
		more, err := live.value.Resync(ctx, start)
		if more {
			found = true
			entry := live.value.Entry()
			behind = behind || entry <= start
			v.catalog.log.Info("an object is damaged; decoding goes on behind the damage",
				"object", v.chain[o.layer].objectFile(o.Number), "offset", o.Offset+entry)
		}
		v.catalog.live.release(live)
		if err != nil {
			return found, err
		}
	}
	if !behind {
		return found, damage
	}
	if err := v.compose(ctx, b, off); err != nil {
		return found, err
	}
	err = v.check(ctx, b, off)
	if errors.Is(err, ErrDamaged) {
		err = damage // which says more: why the bytes before could not be had either
	}
	return found, err
}

// reenter reads a wrong block again from places at which its objects can be entered, because the
// damage may lie before a checkpoint.
func (v *Volume) reenter(ctx context.Context, b []byte, off int64) (tried bool, err error) {
	v.eachLive(off, int64(len(b)), func(live *liveObject) { tried = live.Reenter() || tried })
	if !tried {
		return false, nil
	}
	if err = v.compose(ctx, b, off); err == nil {
		err = v.verify(ctx, b, off)
	}
	return true, err
}

// readPlain reads a wrong block without the indexes of its objects, which could be at fault, and
// decides whether they are.
func (v *Volume) readPlain(ctx context.Context, b []byte, off int64) (tried bool, err error) {
	clear(b)
	end := off + int64(len(b))
	for _, e := range from(v.extents, off) {
		if e.off >= end {
			break
		}
		start, stop := max(e.off, off), min(e.end, end)
		o := &v.objects[e.object]
		live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
		if err != nil {
			return false, nil // as before
		}
		plain, err := live.value.ReadPlain(ctx, b[start-off:stop-off], start-o.Offset)
		if !plain {
			err = live.value.ReadAt(ctx, b[start-off:stop-off], start-o.Offset)
		}
		if err != nil {
			err = v.objectError(ctx, o, start, stop-start, err)
			if plain && errors.Is(err, ErrDamaged) {
				live.value.Vindicate()
			}
		}
		v.catalog.live.release(live)
		if err != nil {
			return true, err
		}
		tried = tried || plain
	}
	if !tried {
		return false, nil
	}
	err = v.verify(ctx, b, off)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return true, err
	}
	v.eachLive(off, int64(len(b)), func(live *liveObject) {
		if err == nil {
			live.Distrust()
		} else {
			live.Vindicate()
		}
	})
	return true, err
}

// eachLive calls f with the objects of [off, off+n) that are in use.
func (v *Volume) eachLive(off, n int64, f func(*liveObject)) {
	for _, e := range from(v.extents, off) {
		if e.off >= off+n {
			return
		}
		o := &v.objects[e.object]
		if live := v.catalog.live.peek(v.chain[o.layer].objectFile(o.Number)); live != nil {
			f(live.value)
			v.catalog.live.release(live)
		}
	}
}
