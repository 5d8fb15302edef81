package backupstore

import (
	"context"
	"crypto/sha256"
	"errors"

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

// rowCache keeps digest rows that were read lately, of all volumes.
type rowCache struct {
	pages *lru.Cache[pageKey, []format.Digest]
}

func newRowCache() *rowCache {
	pages, _ := lru.New[pageKey, []format.Digest](maxPages)
	return &rowCache{pages}
}

// digestRows is the digests of one volume: what each block has to be.
type digestRows struct {
	cache *rowCache
	file  *format.Digests
	block int64 // bytes
	end   int64 // volume offset up to which rows cover it
	zero  format.Digest
	// lastZero is the digest of zeros as long as the last block.
	lastZero format.Digest
}

func newDigestRows(cache *rowCache, file *format.Digests, dataEnd int64) *digestRows {
	r := &digestRows{cache: cache, file: file, block: file.BlockBytes(), end: coveredBytes(file, dataEnd)}
	zeros := make([]byte, r.block)
	r.zero = sha256.Sum256(zeros)
	r.lastZero = sha256.Sum256(zeros[:r.end-max(0, file.Rows()-1)*r.block])
	return r
}

// unreadable stands for a row that is damaged. No data has this digest that
// anybody could find.
var unreadable format.Digest

// at returns row i, or unreadable.
func (r *digestRows) at(ctx context.Context, i int64) (format.Digest, error) {
	page, err := r.page(ctx, i/pageRows)
	if err != nil {
		return format.Digest{}, err
	}
	return page[i%pageRows], nil
}

func (r *digestRows) page(ctx context.Context, n int64) ([]format.Digest, error) {
	key := pageKey{r, n}
	if page, ok := r.cache.pages.Get(key); ok {
		return page, nil
	}
	page := make([]format.Digest, min(pageRows, r.file.Rows()-n*pageRows))
	err := r.file.Read(ctx, n*pageRows, page)
	if errors.Is(err, format.ErrDigests) {
		// Some rows are damaged: keep the others.
		for i := range page {
			if err = r.file.Read(ctx, n*pageRows+int64(i), page[i:i+1]); errors.Is(err, format.ErrDigests) {
				page[i], err = unreadable, nil
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if err != nil {
		return nil, err
	}
	r.cache.pages.Add(key, page)
	return page, nil
}

// zeroRow is the digest that row i has when its block is all zero.
func (r *digestRows) zeroRow(i int64) *format.Digest {
	if i == r.file.Rows()-1 {
		return &r.lastZero
	}
	return &r.zero
}
