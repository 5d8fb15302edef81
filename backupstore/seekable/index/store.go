package index

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cache/private/lock"
)

// Store is a directory of index files of bounded size, and the indexes in use.
// A nil *Store is good too: its indexes are each their own, in memory. It is
// safe for concurrent use, also by several processes on one directory.
type Store struct {
	root   *os.Root // nil: everything in memory
	max    int64
	log    *slog.Logger
	codec  codec
	warned sync.Once

	mu    sync.Mutex // never held across I/O
	inUse map[Key]*Index
	total int64 // bytes of all files when last counted
	grown int64 // bytes written since
}

// OpenStore opens the store in dir, which is created with mode 0700 if need be,
// and bounds the size of its files to maxBytes, more than 0: the indexes that
// were not used for longest go. An error means that dir cannot be used; a nil
// *Store can be used in its place.
func OpenStore(dir string, maxBytes int64, log *slog.Logger) (*Store, error) {
	if maxBytes <= 0 {
		return nil, fmt.Errorf("open the index store %s: size bound %d is not positive",
			dir, maxBytes)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the index store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the index store: %w", err)
	}
	s := newStore(log)
	s.root, s.max = root, maxBytes
	_ = s.trim(0)
	return s, nil
}

func newStore(log *slog.Logger) *Store {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{log: log, codec: newCodec(), inUse: make(map[Key]*Index)}
}

// Close closes the directory. Indexes in use forget what is in files.
func (s *Store) Close() {
	if s != nil && s.root != nil {
		_ = s.root.Close()
	}
}

// Index returns the index for key, with what the store has of it. As long as an
// index is in use, all callers get the same one for its key. It never fails:
// invalid files are dropped and logged. The caller must call Close.
func (s *Store) Index(key Key) *Index {
	if s == nil {
		s = newStore(nil)
	}
	key = key.normal()
	s.mu.Lock()
	x := s.inUse[key]
	if x == nil {
		x = &Index{store: s, key: key, name: key.name()}
		s.inUse[key] = x
	}
	x.refs++
	s.mu.Unlock()
	x.load.Do(x.read)
	return x
}

func (s *Store) retain(x *Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.refs++
}

func (s *Store) release(x *Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.refs--; x.refs == 0 {
		delete(s.inUse, x.key)
	}
}

// file is an open index file.
type file struct {
	*os.File
	size int64
}

// open opens an index file to read it.
func (s *Store) open(name string) (file, error) {
	f, err := s.root.OpenFile(name, os.O_RDONLY|private.Flags, 0)
	if err != nil {
		return file{}, err
	}
	var fi fs.FileInfo
	if err = private.Check(f); err == nil {
		fi, err = f.Stat()
	}
	if err != nil {
		f.Close()
		return file{}, err
	}
	return file{f, fi.Size()}, nil
}

var errLocked = errors.New("being written by another process")

// lock opens or creates a partial file and locks it. The lock ends when the
// file is closed.
func (s *Store) lock(name string) (*os.File, error) {
	for range 8 {
		if err := s.root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return nil, err
		}
		f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|private.Flags, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its directory was removed in between
		}
		if err != nil {
			return nil, err
		}
		if err = private.Check(f); err == nil {
			err = claim(f)
		}
		if err == nil && s.names(f, name) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
		// It was renamed or removed before the lock was ours.
	}
	return nil, errLocked
}

// claim locks a file for as long as it is open.
func claim(f *os.File) error {
	err := lock.Try(f, lock.Exclusive)
	if errors.Is(err, lock.ErrHeld) {
		return errLocked
	}
	return err
}

// names reports whether name is (still) the name of f.
func (s *Store) names(f *os.File, name string) bool {
	now, err := s.root.Lstat(name)
	if err != nil {
		return false
	}
	was, err := f.Stat()
	return err == nil && os.SameFile(now, was)
}

// remove deletes a file, but not one that is being written elsewhere, unless it
// is the caller's own.
func (s *Store) remove(name string, own bool) bool {
	if s.root == nil {
		return false
	}
	if !own {
		if f, err := s.open(name); err == nil {
			defer f.Close()
			if claim(f.File) != nil {
				return false
			}
		}
	}
	if err := s.root.Remove(name); err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return true
}

// report deals with a file that could not be read, for the reason err.
func (s *Store) report(name string, key Key, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, errStale), errors.Is(err, errDamaged), errors.Is(err, private.ErrForeign),
		errors.Is(err, syscall.ELOOP):
		if s.remove(name, !strings.HasSuffix(name, partialSuffix)) {
			s.log.Info("seek index dropped, it is built anew", "object", key.Object, "file", name,
				"reason", err)
		}
	default:
		s.failed("read", name, err)
	}
}

// failed logs, once, that the directory does not do its service.
func (s *Store) failed(doing, name string, err error) {
	s.warned.Do(func() {
		s.log.Warn("seek indexes are not stored: reading goes on, but has to be indexed again "+
			"next time; check room and rights of the cache directory",
			"doing", doing, "file", name, "err", err)
	})
}

var errFull = errors.New("all of the store's size bound is in use")

// reserve makes room for n more bytes.
func (s *Store) reserve(n int64) error {
	s.mu.Lock()
	s.grown += n
	// Other processes write too: count again now and then.
	count := s.total+s.grown > s.max || s.grown > s.max/16
	s.mu.Unlock()
	if !count {
		return nil
	}
	return s.trim(n)
}

// trim counts the files and deletes those not used for longest, until they
// take no more than the bound with n bytes more.
func (s *Store) trim(n int64) error {
	type stored struct {
		name string
		size int64
		used time.Time
	}
	var files []stored
	var total int64
	// What cannot be read is not counted.
	_ = fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() ||
			!strings.HasSuffix(strings.TrimSuffix(name, partialSuffix), finalSuffix) {
			return nil
		}
		if fi, err := d.Info(); err == nil {
			files = append(files, stored{name, fi.Size(), fi.ModTime()})
			total += fi.Size()
		}
		return nil
	})
	slices.SortFunc(files, func(a, b stored) int { return a.used.Compare(b.used) })
	over := total+n > s.max
	// Down to a bit less than the bound, so as not to be here again at once.
	for ; over && len(files) > 0 && total+n > s.max-s.max/16; files = files[1:] {
		f := files[0]
		if !s.remove(f.name, !strings.HasSuffix(f.name, partialSuffix)) {
			continue
		}
		total -= f.size
		s.log.Debug("seek index evicted", "file", f.name, "bytes", f.size)
		s.evicted(f.name)
		// Empty directories go too.
		if dir := path.Dir(f.name); s.root.Remove(dir) == nil {
			_ = s.root.Remove(path.Dir(dir))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total, s.grown = total, n
	if total+n > s.max {
		s.grown = 0
		return errFull
	}
	return nil
}

// evicted tells an index in use that its file is gone.
func (s *Store) evicted(name string) {
	s.mu.Lock()
	var found []*Index
	for _, x := range s.inUse {
		if x.name == name || x.name+partialSuffix == name {
			found = append(found, x)
		}
	}
	s.mu.Unlock()
	for _, x := range found {
		x.mu.Lock()
		if x.builder == nil && !x.memory {
			x.reset(contents{})
		}
		x.mu.Unlock()
	}
}
