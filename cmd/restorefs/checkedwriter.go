package main

import (
	"fmt"
	"io"
	"sync"
)

// checkedWriter remembers that a write failed. Code that prints lists does not check each write,
// but output lost on a full disk must not look like success.
type checkedWriter struct {
	w   io.Writer
	mu  sync.Mutex
	err error // the first one
}

// Write implements io.Writer.
func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	return n, err
}

func (c *checkedWriter) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("what should be on stdout is not: %w", c.err)
}
