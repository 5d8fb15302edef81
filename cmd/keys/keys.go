package keys

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// Keys are the keys that were given, and what was unlocked with them.
type Keys struct {
	// passphrases are what the key of a file or a descriptor may mean: four at most, of maxKey
	// bytes or, in hexadecimal, twice as many. They stay until Close, as any volume that is looked
	// at later may be one that they open.
	passphrases []*luks.Secret
	vault       *vault // has them instead; nil: there is none
	memory      int64
	log         *slog.Logger

	use    sync.RWMutex // is held for reading while the keys are used
	closed atomic.Bool

	deriving chan struct{} // has room for the one derivation that memory is enough for

	mu    sync.Mutex
	known map[[sha256.Size]byte]unlocked // by the ids of headers
}

// unlocked is what was found for a header: its key, or that no key opens it.
type unlocked struct {
	disk luks.Disk
	err  error
}

// Open reads the keys that o asks for, of which there must be some, and has the process dump no
// core from now on. Of a cloud it reads the credentials, and asks it for nothing yet. memory is
// what Argon2 may take, in bytes.
func Open(ctx context.Context, o Options, memory int64, log *slog.Logger) (*Keys, error) {
	if o.File != "" && o.FD != "" || o.FromCloud && o.File+o.FD != "" {
		return nil, cmdline.Usagef("--luks-key-file, --luks-passphrase-fd and --luks-from-cloud " +
			"exclude each other")
	}
	keepPrivate(log)
	k := &Keys{memory: memory, log: log, deriving: make(chan struct{}, 1),
		known: map[[sha256.Size]byte]unlocked{}}
	if o.FromCloud {
		// Now, as a mount in the background changes its directory.
		credentials, err := cinderapi.ReadCredentials(o.Cloud)
		if err != nil {
			return nil, fmt.Errorf("--luks-from-cloud: %w", err)
		}
		k.vault = &vault{credentials: credentials, log: log}
		return k, nil
	}
	key, err := o.read(ctx, log)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	if k.passphrases, err = passphrases(key.Bytes()); err != nil {
		return nil, err
	}
	return k, nil
}

// keepPrivate keeps what the process has in memory from core dumps, and from other processes of its
// user.
func keepPrivate(log *slog.Logger) {
	err := errors.Join(unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
	if err != nil {
		log.Warn("the key may get into a core dump", "err", err)
	}
}

// closeWait is how long Close waits for calls of Unlock: PBKDF2 ends with its context in less.
const closeWait = 500 * time.Millisecond

// Close wipes the keys. Nothing that was unlocked may be used any more. Argon2 cannot be
// interrupted and may go on for minutes: if a call of Unlock does not end, the keys stay in memory
// until the process has ended, which is to follow.
func (k *Keys) Close() {
	if k == nil {
		return
	}
	k.closed.Store(true)
	for end := time.Now().Add(closeWait); !k.use.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return
		}
	}
	defer k.use.Unlock()
	closeAll(k.passphrases)
	if k.vault != nil {
		k.vault.close()
	}
	for _, u := range k.known {
		if u.disk != nil {
			u.disk.Close()
		}
	}
}

// Unlock unlocks the volume of a backup, which has size bytes and is read by r. What it returns is
// closed with the keys. The error is luks.ErrNone (errors.Is) for a volume that is not encrypted,
// a [*LockedError] for one that does not open, and another one where that is not known: it may open
// when it is tried again. One key is derived at a time, however many call.
func (k *Keys) Unlock(ctx context.Context, b *backupstore.Backup, r io.ReaderAt, size int64) (
	luks.Disk, error) {
	k.use.RLock()
	defer k.use.RUnlock()
	if k.closed.Load() {
		return nil, os.ErrClosed
	}
	h, err := luks.Read(r, size)
	if err != nil {
		if stays(err) {
			err = &LockedError{b.ID, err}
		}
		return nil, err
	}
	if u, ok := k.found(h, b); ok {
		return u.disk, u.err
	}
	select {
	case k.deriving <- struct{}{}:
		defer func() { <-k.deriving }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if u, ok := k.found(h, b); ok { // meanwhile
		return u.disk, u.err
	}
	key, err := k.derive(ctx, b, h, r)
	switch {
	case err == nil:
		k.keep(h.ID(), unlocked{disk: key})
		k.log.Info("unlocked an encrypted volume", "backup", b.ID, "slot", key.Slot(),
			"cipher", h.Cipher)
		return key, nil
	case !stays(err):
		return nil, fmt.Errorf("the volume of backup %s is encrypted, and could not be unlocked: "+
			"%w", b.ID, err)
	}
	err = &LockedError{b.ID, err}
	if !errors.Is(err, errNoKey) { // the cloud may be told of one
		k.keep(k.refused(h, b), unlocked{err: err}) // who asks again gets what took seconds
	}
	return nil, err
}

// derive finds the key of a volume with the passphrases that were given, or with those of a cloud,
// which are wiped when it is done.
func (k *Keys) derive(ctx context.Context, b *backupstore.Backup, h *luks.Header,
	r io.ReaderAt) (*luks.Key, error) {
	list := k.passphrases
	if k.vault != nil {
		var err error
		if list, err = k.vault.passphrases(ctx, b); err != nil {
			return nil, err
		}
		defer closeAll(list)
	}
	return h.Unlock(ctx, r, list, luks.Options{MemoryBytes: k.memory})
}

// found returns what was found for a header: backups of a volume have the same one, and the same
// key.
func (k *Keys) found(h *luks.Header, b *backupstore.Backup) (unlocked, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	u, ok := k.known[h.ID()]
	if !ok {
		u, ok = k.known[k.refused(h, b)]
	}
	return u, ok
}

// refused is what a header that did not open is known by. In a cloud each backup has a secret of
// its own, of which one may be wrong: that says nothing of the others.
func (k *Keys) refused(h *luks.Header, b *backupstore.Backup) [sha256.Size]byte {
	id := h.ID()
	if k.vault == nil {
		return id
	}
	return sha256.Sum256(append(id[:], b.ID...))
}

func (k *Keys) keep(id [sha256.Size]byte, u unlocked) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[id] = u
}

// LockedError says that an encrypted volume does not open, and what helps. It is so whenever that
// is tried again: of an answer that a share or a cloud gave, or did not give, nothing else is known
// but that it came once, and it is no LockedError.
type LockedError struct {
	Backup string // its id
	Err    error
}

// errNoKey is the error for a volume of which nothing says which key it has.
var errNoKey = errors.New("no key is known")

// stays says whether an error is what the header, the key and --memory are.
func stays(err error) bool {
	return errors.Is(err, luks.ErrKey) || errors.Is(err, errNoKey) ||
		errors.As(err, new(*luks.MemoryError)) || errors.As(err, new(*luks.UnsupportedError)) ||
		errors.As(err, new(*luks.BrokenError))
}

// Error implements error.
func (e *LockedError) Error() string {
	text := fmt.Sprintf("the volume of backup %s is encrypted, and does not open: %v", e.Backup,
		e.Err)
	if lacking, ok := errors.AsType[*luks.MemoryError](e.Err); ok {
		text += fmt.Sprintf("; --memory %dMiB gives it enough", MemoryFor(lacking.Need)>>20)
	}
	if errors.Is(e.Err, luks.ErrKey) {
		text += "; \"restorefs show\" says which secret of Barbican it is (encryption_key_id)"
	}
	return text
}

// Locked says that trying again is of no use.
func (e *LockedError) Locked() bool { return stays(e.Err) }

// Unwrap returns the cause.
func (e *LockedError) Unwrap() error { return e.Err }

// Memory returns what of the memory of --memory Argon2 may take.
func Memory(total int64) int64 { return total / 2 }

// MemoryFor is the --memory that gives Argon2 so many bytes, in whole MiB.
func MemoryFor(bytes int64) int64 { return (2*bytes + 1<<20 - 1) >> 20 << 20 }
