package backupstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/restorefs/restorefs/backupstore/format"
)

const (
	// pageRows digest rows are kept together: 2 MiB of volume, 4.5 KiB of file. A reader that comes
	// to a place at random needs one of them, and some beside it where it is zero.
	pageRows = 64
	// runPages pages are read at once by a reader in order: 32 MiB of volume, 72 KiB of file.
	runPages = 16
	// maxPages are kept for all volumes together: 8 MiB.
	maxPages = 4096
)

type pageKey struct {
	rows *digestRows
	page int64
}

// rowPage is some adjacent rows.
type rowPage struct {
	rows []format.Digest
	// again is when to read those anew that could not be read; zero: never.
	again time.Time
}

// rowsAgain is how long rows that could not be read from the share are not tried again: reading a
// bad sector takes long each time.
const rowsAgain = time.Minute

// leastRows are no longer halved to find out which of them can be read: they take about one sector
// of the file.
const leastRows = 32

// rowCache keeps recently read digest rows of all volumes.
type rowCache struct {
	pages *lru.Cache[pageKey, rowPage]
}

func newRowCache() *rowCache {
	pages, _ := lru.New[pageKey, rowPage](maxPages)
	return &rowCache{pages}
}

// digestRows are the digest rows of one volume.
type digestRows struct {
	rowGrid
	cache *rowCache
	file  *format.Digests
	zero  format.Digest
	// lastZero is the digest of zeros as long as the last block.
	lastZero format.Digest

	unread atomic.Pointer[error] // the first reason why rows could not be read
	told   func(error)           // is called with it
}

// newDigestRows returns the rows of file. told is called once, with the first error of the share
// that prevents reading rows.
func newDigestRows(cache *rowCache, file *format.Digests, dataEnd int64,
	told func(error)) *digestRows {
	r := &digestRows{rowGrid: rowGrid{file.BlockBytes(), coveredBytes(file, dataEnd)}, cache: cache,
		file: file, told: told}
	r.zero = digestOfZeros(r.block)
	r.lastZero = digestOfZeros(r.end - max(0, file.Rows()-1)*r.block)
	return r
}

// digestOfZeros returns the digest of n zeros, without a buffer of that size.
func digestOfZeros(n int64) (sum format.Digest) {
	var zeros [4 << 10]byte
	h := sha256.New()
	for ; n > 0; n -= int64(len(zeros)) {
		h.Write(zeros[:min(n, int64(len(zeros)))])
	}
	h.Sum(sum[:0])
	return sum
}

// unreadable stands for a row that is damaged or cannot be read. No known data has this digest.
var unreadable format.Digest

// at returns row i, or unreadable.
func (r *digestRows) at(ctx context.Context, i int64) (format.Digest, error) {
	page, err := r.page(ctx, i/pageRows)
	if err != nil {
		return format.Digest{}, err
	}
	return page[i%pageRows], nil
}

// page returns the rows of page n. Those that are damaged, or cannot be read from the share, are
// unreadable; an error is that of ctx.
func (r *digestRows) page(ctx context.Context, n int64) ([]format.Digest, error) {
	if page, ok := r.cache.pages.Get(pageKey{r, n}); ok && (page.again.IsZero() ||
		time.Now().Before(page.again)) {
		return page.rows, nil
	}
	count := int64(pageRows)
	if r.cache.pages.Contains(pageKey{r, n - 1}) { // the reader is in order
		count *= runPages
	}
	rows := make([]format.Digest, min(count, r.file.Rows()-n*pageRows))
	unread, err := r.read(ctx, n*pageRows, rows)
	if err != nil {
		return nil, err
	}
	var again time.Time
	if unread != nil {
		again = time.Now().Add(rowsAgain)
		if r.unread.CompareAndSwap(nil, &unread) {
			r.told(unread)
		}
	}
	if len(rows) <= pageRows {
		r.cache.pages.Add(pageKey{r, n}, rowPage{rows, again})
		return rows, nil
	}
	i := n
	for part := range slices.Chunk(rows, pageRows) {
		// A copy, so that no page keeps the memory of the others that were evicted.
		r.cache.pages.Add(pageKey{r, i}, rowPage{slices.Clone(part), again})
		i++
	}
	return rows[:pageRows], nil
}

// read reads the rows from first on. unread is why rows could not be read from the share.
func (r *digestRows) read(ctx context.Context, first int64,
	rows []format.Digest) (unread, err error) {
	err = r.file.Read(ctx, first, rows)
	damaged := errors.Is(err, format.ErrDigests)
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case damaged && len(rows) > 1, errors.Is(err, syscall.EIO) && len(rows) > leastRows:
		half := len(rows) / 2
		unread, err = r.read(ctx, first, rows[:half])
		if err == nil {
			var more error
			more, err = r.read(ctx, first+int64(half), rows[half:])
			unread = cmp.Or(unread, more)
		}
		return unread, err
	}
	for i := range rows {
		rows[i] = unreadable
	}
	if damaged {
		return nil, nil
	}
	return err, nil
}

// whyUnread returns the first error with which the share failed to return rows, nil if there was
// none.
func (r *digestRows) whyUnread() error {
	if err := r.unread.Load(); err != nil {
		return *err
	}
	return nil
}

// zeroRow returns the digest that row i has if its block is all zero.
func (r *digestRows) zeroRow(i int64) *format.Digest {
	if i == r.file.Rows()-1 {
		return &r.lastZero
	}
	return &r.zero
}
