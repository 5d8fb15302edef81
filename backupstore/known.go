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
	// trusted is for how long stamps of directories are: then all are listed once, should a server
	// or a clock have played a trick.
	trusted = 24 * time.Hour
)

// known is what earlier processes saw on the share, and what the next one shall know.
type known struct {
	file   scanned.File
	key    uint64
	margin time.Duration

	mu    sync.Mutex
	first *scanned.Dir // what was read from the file, until there was a look; nil: nothing
	full  time.Time    // when all was last listed
	saved *scanned.Dir // what is in the file
	at    time.Time    // when it was written, or that was tried
	of    time.Time    // full in the file
}

// recall reads the file. One that cannot be used is as good as none.
func recall(file scanned.File, log *slog.Logger) known {
	tree, err := file.Load()
	if err != nil {
		log.Info("what was known of the share cannot be used: all of it is read again", "err", err)
	}
	if tree != nil && tree.Judge != judgedBy() {
		log.Info("what was known of the share is another version's: all of it is read again")
		tree = nil
	}
	if tree == nil {
		return known{file: file, key: rand.Uint64(), margin: settled}
	}
	return known{
		file: file, key: tree.Key, margin: settled,
		first: tree.Root, saved: tree.Root, full: tree.Full, of: tree.Full,
	}
}

// keep writes down what the last look saw, if it is something else than in the file and the file
// has not been written for so long. root may be nil.
func (c *Catalog) keep(root *scanned.Dir, every time.Duration) {
	k := &c.known
	k.mu.Lock()
	full := k.full
	due := root != nil && (root != k.saved || !full.Equal(k.of)) && time.Since(k.at) >= every
	if due {
		k.at = time.Now()
	}
	k.mu.Unlock()
	if !due {
		return
	}
	tree := scanned.Tree{Key: k.key, Judge: judgedBy(), Full: full, Root: root}
	if err := k.file.Save(&tree); err != nil {
		c.log.Info("what was seen on the share cannot be kept: the next process reads it again",
			"err", err)
		return
	}
	k.mu.Lock()
	k.saved, k.of = root, full
	k.mu.Unlock()
}

// memory returns what a look has to know.
func (c *Catalog) memory(before snapshot) memory {
	m := memory{
		key: c.known.key, backups: before.scanned, root: before.root,
		margin: c.known.margin, began: time.Now(),
	}
	k := &c.known
	k.mu.Lock()
	if before.scanned == nil {
		m.root = k.first
	}
	age := m.began.Sub(k.full)
	k.mu.Unlock()
	m.anew = age < 0 || age >= trusted
	used := map[string]bool{}
	for _, path := range append(c.files.open.paths(), c.live.kept.paths()...) {
		used[withoutSuffix(path)] = true
	}
	m.busy = func(path string) bool { return used[path] }
	return m
}

// looked notes that a look has become the catalogue.
func (k *known) looked(m memory) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.first = nil
	if m.anew {
		k.full = m.began.Round(0) // by the clock of the next process
	}
}

// forget gives up what the file has, as nobody will look again.
func (k *known) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.saved = nil
}

// withoutSuffix returns what the paths of a backup's files have in common.
func withoutSuffix(path string) string {
	at := strings.LastIndexByte(path, '/') + 1
	base := path[at:]
	if n, ok := format.ParseIn(path[:at], base); ok {
		return path[:len(path)-len(base)+len(n.Prefix)]
	}
	return path
}
