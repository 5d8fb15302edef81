package backupstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"sync/atomic"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/restorefs/restorefs/backupstore/format"
)

const (
	// pageRows digest rows are read at once: 32 MiB of volume, 72 KiB of file.
	pageRows = 1024
	// maxPages are kept for all volumes together: 8 MiB.
	maxPages = 256
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

// rowsAgain is for how long rows that the share could not give are done without:
// a bad sector takes its time whenever it is read.
const rowsAgain = time.Minute

// leastRows are not halved any more to find out which of them can be read: they
// are about one sector of the file.
const leastRows = 32

// rowCache keeps digest rows that were read lately, of all volumes.
type rowCache struct {
	pages *lru.Cache[pageKey, rowPage]
}

func newRowCache() *rowCache {
	pages, _ := lru.New[pageKey, rowPage](maxPages)
	return &rowCache{pages}
}

// digestRows is the digests of one volume: what each block has to be.
type digestRows struct {
	rowGrid
	cache *rowCache
	file  *format.Digests
	zero  format.Digest
	// lastZero is the digest of zeros as long as the last block.
	lastZero format.Digest

	unread atomic.Pointer[error] // why some rows could not be read, the first time
	told   func(error)           // of that
}

// newDigestRows returns the rows of file. told is called once, with the first
// error of the share that keeps some from being read.
func newDigestRows(cache *rowCache, file *format.Digests, dataEnd int64, told func(error)) *digestRows {
	r := &digestRows{rowGrid: rowGrid{file.BlockBytes(), coveredBytes(file, dataEnd)}, cache: cache, file: file, told: told}
	r.zero = digestOfZeros(r.block)
	r.lastZero = digestOfZeros(r.end - max(0, file.Rows()-1)*r.block)
	return r
}

// digestOfZeros is the digest of n zeros. Blocks can be large.
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

// page returns the rows of page n. Those that are damaged, or that the share
// does not give, are unreadable; an error is ctx's.
func (r *digestRows) page(ctx context.Context, n int64) ([]format.Digest, error) {
	key := pageKey{r, n}
	if page, ok := r.cache.pages.Get(key); ok && (page.again.IsZero() || time.Now().Before(page.again)) {
		return page.rows, nil
	}
	page := rowPage{rows: make([]format.Digest, min(pageRows, r.file.Rows()-n*pageRows))}
	unread, err := r.read(ctx, n*pageRows, page.rows)
	if err != nil {
		return nil, err
	}
	if unread != nil {
		page.again = time.Now().Add(rowsAgain)
		if r.unread.CompareAndSwap(nil, &unread) {
			r.told(unread)
		}
	}
	r.cache.pages.Add(key, page)
	return page.rows, nil
}

// read reads the rows from first on. unread is what the share said of rows that
// it does not give.
func (r *digestRows) read(ctx context.Context, first int64, rows []format.Digest) (unread, err error) {
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

// whyUnread is what the share said of the first rows that it did not give, nil if
// it gave all that were asked for.
func (r *digestRows) whyUnread() error {
	if err := r.unread.Load(); err != nil {
		return *err
	}
	return nil
}

// zeroRow is the digest that row i has when its block is all zero.
func (r *digestRows) zeroRow(i int64) *format.Digest {
	if i == r.file.Rows()-1 {
		return &r.lastZero
	}
	return &r.zero
}
