package console

import (
	"fmt"
	"io"
	"sync"
)

// CheckedWriter remembers that a write failed. Code that prints lists does not check each write,
// but output lost on a full disk must not look like success.
type CheckedWriter struct {
	W   io.Writer
	mu  sync.Mutex
	err error // the first one
}

// Write implements io.Writer.
func (c *CheckedWriter) Write(p []byte) (int, error) {
	n, err := c.W.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// Failure returns an error if a write failed.
func (c *CheckedWriter) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("what should be on stdout is not: %w", c.err)
}
