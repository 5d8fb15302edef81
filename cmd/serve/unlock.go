package serve

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// Plain is fusefs.Options.Plain for a mount with Options.Unlock. Deriving a key can take seconds;
// that goes on when ctx ends, for whoever asks next.
func (s *Disks) Plain(ctx context.Context, id string) (fusefs.Disk, error) {
	b, err := s.backup(id)
	if err != nil {
		return nil, err
	}
	key := keyOf(b)
	s.mu.Lock()
	found, known := s.plain[key]
	s.mu.Unlock()
	if !known {
		result := s.unlocking.DoChan(id+" "+b.CreatedAt.String(), func() (any, error) {
			return s.unlock(b)
		})
		select {
		case r := <-result:
			if r.Err != nil {
				return nil, r.Err
			}
			found, _ = r.Val.(luks.Disk)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if found == nil {
		return nil, nil
	}
	v, err := s.share(ctx, id)
	if err != nil {
		return nil, err
	}
	return &plainDisk{v, found}, nil
}

// unlock finds out how the disk of a backup is encrypted, and keeps that; nil if it is not, or
// cannot be unlocked.
func (s *Disks) unlock(b *backupstore.Backup) (luks.Disk, error) {
	v, err := s.share(s.life, b.ID)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	found, err := s.o.Unlock(s.life, b, diskReader{s.life, v}, v.Size())
	locked, isLocked := errors.AsType[interface {
		error
		Locked() bool
	}](err)
	switch {
	case err == nil, errors.Is(err, luks.ErrNone):
	case isLocked && locked.Locked():
		s.log.Warn("an encrypted disk is shown as it is", "backup", b.ID, "err", err)
	default:
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plain[keyOf(b)] = found
	return found, nil
}

// plainDisk is one open file of the plain disk of an encrypted volume.
type plainDisk struct {
	*Disk
	disk luks.Disk
}

// Size implements fusefs.Disk.
func (v *plainDisk) Size() int64 { return v.disk.Size() }

// Read implements fusefs.Disk.
func (v *plainDisk) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	p := make(plain, n)
	if got, err := v.disk.On(diskReader{ctx, v.Disk}).ReadAt(p, off); got < n {
		return nil, err
	}
	return p, nil
}

// NextData implements fusefs.Disk: all of a plain disk is data.
func (v *plainDisk) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}

// diskReader is a disk as an io.ReaderAt, during one call.
type diskReader struct {
	ctx context.Context
	v   fusefs.Disk
}

// ReadAt implements io.ReaderAt.
func (r diskReader) ReadAt(p []byte, off int64) (int, error) {
	const most = 1 << 20 // that one read pins in the cache
	for done := 0; done < len(p); {
		data, err := r.v.Read(r.ctx, off+int64(done), min(len(p)-done, most))
		if err != nil {
			return done, err
		}
		for _, s := range data.Slices() {
			done += copy(p[done:], s)
		}
		data.Release()
	}
	return len(p), nil
}
