package luks

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Secret is a passphrase or a key in pages of its own, which the garbage collector neither copies
// nor leaves behind. They are in no core dump, and in no swap where the limits of the process allow
// to lock them. Bytes may be called by many goroutines; Close is for the last of them.
type Secret struct {
	b     []byte
	pages []byte
	once  sync.Once
}

// NewSecret returns room for a secret of so many bytes.
func NewSecret(size int) (*Secret, error) {
	pages, err := unix.Mmap(-1, 0, max(size, 1), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	_ = unix.Mlock(pages)                       // the limit may be too low
	_ = unix.Madvise(pages, unix.MADV_DONTDUMP) // both are a second line:
	_ = unix.Madvise(pages, unix.MADV_DONTFORK) // a process with secrets dumps no core
	return &Secret{b: pages[:size:size], pages: pages}, nil
}

// SecretOf moves b into a secret: b is wiped.
func SecretOf(b []byte) (*Secret, error) {
	defer clear(b)
	s, err := NewSecret(len(b))
	if err != nil {
		return nil, err
	}
	copy(s.b, b)
	return s, nil
}

// Bytes returns the secret, which must not be used after Close.
func (s *Secret) Bytes() []byte { return s.b }

// String keeps a secret out of logs.
func (s *Secret) String() string { return "(secret)" }

// GoString keeps a secret out of logs.
func (s *Secret) GoString() string { return "(secret)" }

// Close wipes the secret.
func (s *Secret) Close() {
	if s == nil {
		return
	}
	s.once.Do(func() {
		clear(s.pages)
		_ = unix.Munmap(s.pages)
		s.b, s.pages = nil, nil
	})
}
