package backupstore

import (
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
)

const (
	// settled is for how long what was written is not remembered: by then the clock that gave its
	// stamp has moved on.
	settled = 2 * time.Second
	// keepEvery is how often a mount writes down what changes.
	keepEvery = 10 * time.Minute
)

// known is what earlier processes saw on the share, and what the next one shall know.
type known struct {
	file   scanned.File
	key    uint64
	first  *scanned.Dir // what was read from the file, nil: nothing
	margin time.Duration

	mu    sync.Mutex
	saved *scanned.Dir // what is in the file
	at    time.Time    // when it was written
}

// recall reads the file. One that cannot be used is as good as none.
func recall(file scanned.File, log *slog.Logger) known {
	tree, err := file.Load()
	if err != nil {
		log.Info("what was known of the share cannot be used: all of it is read again", "err", err)
	}
	if tree == nil {
		return known{file: file, key: rand.Uint64(), margin: settled}
	}
	return known{file: file, key: tree.Key, margin: settled, first: tree.Root, saved: tree.Root}
}

// keep writes down what the last look saw, if it is something else than in the file and the file has
// not been written for so long.
func (c *Catalog) keep(every time.Duration) {
	c.mu.Lock()
	root := c.snapshot.root
	c.mu.Unlock()
	k := &c.known
	k.mu.Lock()
	due := root != nil && root != k.saved && time.Since(k.at) >= every
	if due {
		k.saved, k.at = root, time.Now()
	}
	k.mu.Unlock()
	if !due {
		return
	}
	if err := k.file.Save(&scanned.Tree{Key: k.key, Root: root}); err != nil {
		c.log.Info("what was seen on the share cannot be kept: the next process reads it again", "err", err)
	}
}

// memory returns what a look has to know.
func (c *Catalog) memory(before snapshot, glance bool) memory {
	m := memory{
		key: c.known.key, backups: before.scanned, root: before.root, interned: scanned.NewInterner(),
		margin: c.known.margin, glance: glance,
	}
	if before.scanned == nil {
		m.root = c.known.first
	}
	used := map[string]bool{}
	for _, path := range append(c.files.open.paths(), c.live.kept.paths()...) {
		used[withoutSuffix(path)] = true
	}
	m.busy = func(path string) bool { return used[path] }
	return m
}

// withoutSuffix returns what the paths of a backup's files have in common.
func withoutSuffix(path string) string {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if n, ok := format.ParseName(base); ok {
		return path[:len(path)-len(base)+len(n.Prefix)]
	}
	return path
}
