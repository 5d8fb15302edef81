package scanned

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/restorefs/restorefs/cache/private"
)

// MaxBytes bounds the file: it is enough for some 200,000 backups. A share with more is looked at
// anew each time.
const MaxBytes = 64 << 20

// ErrTooLarge says that a tree is not kept because it is too large.
var ErrTooLarge = fmt.Errorf("more than %d MiB", MaxBytes>>20)

// File is the file that keeps the tree of one share. The zero File keeps none.
type File struct{ path string }

// At returns the file for a share in a directory that was checked as package private has it. The
// share's name may be any text that tells it from other shares.
func At(dir, share string) File {
	name := sha256.Sum256([]byte(share))
	return File{filepath.Join(dir, hex.EncodeToString(name[:12])+".scanned")}
}

// Load returns the tree that the file has; nil if there is no file. After an error there is none
// either that can be used.
func (f File) Load() (*Tree, error) {
	if f.path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(f.path, os.O_RDONLY|private.Flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := private.Check(file); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxBytes {
		return nil, fmt.Errorf("read %s: %w", f.path, ErrTooLarge)
	}
	var text strings.Builder
	text.Grow(int(info.Size()))
	if _, err := io.Copy(&text, io.LimitReader(file, info.Size())); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	t, err := decode(text.String())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	return t, nil
}

// Save replaces the file, at once for all who read it. It does not wait until the file is on stable
// storage: one that a crash leaves in pieces is found out by its checksum.
func (f File) Save(t *Tree) error {
	if f.path == "" || t == nil || t.Root == nil {
		return nil
	}
	f.sweep()
	temp, err := os.CreateTemp(filepath.Dir(f.path), temporary)
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once it is renamed
	if err = errors.Join(t.write(temp), temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return os.Rename(temp.Name(), f.path)
}

// temporary is the pattern of the names that files have until they are whole.
const temporary = ".restorefs-*"

// sweep removes what processes left that were killed while they wrote.
func (f File) sweep() {
	const old = time.Hour
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(f.path), temporary))
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > old {
			os.Remove(path)
		}
	}
}
