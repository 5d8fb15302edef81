package scanned

import (
	"slices"
	"strings"
	"sync"

	"github.com/restorefs/restorefs/backupstore/format"
)

// maxInterned bounds what an Interner knows.
const maxInterned = 1 << 20

// Interner makes equal things one thing, of which a share with many backups has many: the record of
// a volume is in each of its backups. It is safe for concurrent use.
type Interner struct {
	mu          sync.Mutex
	texts       map[string]string
	summaries   map[string]*format.VolumeSummary
	compression map[string][]string
	key         []byte // memory for keys
}

// NewInterner returns an empty Interner.
func NewInterner() *Interner {
	return &Interner{
		texts: map[string]string{}, summaries: map[string]*format.VolumeSummary{},
		compression: map[string][]string{},
	}
}

// text returns s, or an equal string that was seen before.
func (n *Interner) text(s string) string {
	if was, ok := n.texts[s]; ok {
		return was
	}
	if s != "" && len(n.texts) < maxInterned {
		s = strings.Clone(s)
		n.texts[s] = s
	}
	return s
}

// Summary returns a volume's record, or an equal one that was seen before.
func (n *Interner) Summary(s *format.VolumeSummary) *format.VolumeSummary {
	if s == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := encoder{n.key[:0]}
	e.summary(s)
	n.key = e.b
	if was, ok := n.summaries[string(e.b)]; ok {
		return was
	}
	if len(n.summaries) < maxInterned {
		for _, t := range texts(&s.Base) {
			if *t != nil {
				kept := n.text(**t)
				*t = &kept
			}
		}
		n.summaries[string(e.b)] = s
	}
	return s
}

// Compression is Summary for the names of compressions.
func (n *Interner) Compression(names []string) []string {
	key := joined(names)
	n.mu.Lock()
	defer n.mu.Unlock()
	was, ok := n.compression[key]
	if !ok && len(n.compression) < maxInterned {
		was = slices.Clip(names)
		n.compression[key] = was
	}
	return was
}

// texts are the texts of a volume's record, in the order in which they are written.
func texts(b *format.VolumeBase) []**string {
	return []**string{
		&b.Name, &b.Description, &b.VolumeTypeID, &b.AvailabilityZone, &b.EncryptionKeyID,
		&b.ProjectID, &b.UserID,
	}
}
