package fusefs

import (
	"context"
	"errors"
	"testing"
)

// plainCatalog has one encrypted disk; nothing else is asked of it.
type plainCatalog struct {
	Catalog
	opened, digests int
}

func (c *plainCatalog) Open(context.Context, string) (Disk, error) {
	c.opened++
	return nil, errors.New("the encrypted disk")
}
func (c *plainCatalog) Peek(ctx context.Context, id string) (Disk, error) { return c.Open(ctx, id) }
func (c *plainCatalog) Written(string) bool                               { return false }
func (c *plainCatalog) Digests(context.Context, string) (Digests, error) {
	c.digests++
	return nil, nil
}

func TestAPartitionOfAPlainDiskIsNeverOneOfTheEncrypted(t *testing.T) {
	c := &plainCatalog{}
	n := &volumeNode{node: node{t: &tree{catalog: c,
		plain: func(context.Context, string) (Disk, error) { return nil, nil }}},
		part: true, plain: true, size: 1}
	if _, err := n.openVolume(t.Context()); !errors.Is(err, errLocked) || c.opened > 0 {
		t.Errorf("%v, and the encrypted disk was opened %d times", err, c.opened)
	}
	n.plain = false // of a disk that is not encrypted
	if _, err := n.openVolume(t.Context()); errors.Is(err, errLocked) || c.opened != 1 {
		t.Errorf("%v, and the disk was opened %d times", err, c.opened)
	}
	if _, err := n.t.table(t.Context(), &Backup{}); err == nil || c.digests > 0 {
		t.Errorf("%v, and digests were asked for %d times", err, c.digests)
	}
}
