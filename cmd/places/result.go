package places

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache/private"
)

// Result is a file that a command makes for people, such as a picture.
type Result struct {
	Path  string    // "-" for Out
	Out   io.Writer // standard output
	Flag  string    // that named it
	Force bool      // a file that is there is replaced
}

// Check refuses a file on the share.
func (r Result) Check(ctx context.Context, s *locate.Share) error {
	if r.Path == "-" {
		return nil
	}
	return Outside(ctx, s, r.Path)
}

// Write writes the file, whole or not at all, with mode 0600.
func (r Result) Write(data []byte) error {
	if r.Path == "-" {
		_, err := r.Out.Write(data)
		return err
	}
	var err error
	if r.Force {
		err = private.Replace(r.Path, data)
	} else {
		err = private.Create(r.Path, data)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("--%s: %s is there already: --force replaces it", r.Flag, r.Path)
	case err != nil:
		return fmt.Errorf("--%s: %w", r.Flag, err)
	}
	return nil
}
