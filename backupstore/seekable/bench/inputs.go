package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// inputs are the files that are decoded, kept in dir from run to run.
type inputs struct{ dir, image string }

func (in inputs) raw() string  { return filepath.Join(in.dir, "image.raw") }
func (in inputs) zlib() string { return filepath.Join(in.dir, "image.zlib") }
func (in inputs) zstd() string { return filepath.Join(in.dir, "image.zst") }

// of a dense part: bzip2 is slow
func (in inputs) bzip2() string { return filepath.Join(in.dir, "slice.bz2") }

// The part of the image in bzip2.
const (
	sliceOff = 300 << 20
	sliceLen = 128 << 20
)

// make makes what is missing.
func (in inputs) make(ctx context.Context) error {
	if err := os.MkdirAll(in.dir, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(in.raw()); errors.Is(err, fs.ErrNotExist) {
		if err := in.makeImage(ctx); err != nil {
			return err
		}
	}
	// As Cinder does: Python's modules, a whole object at a time.
	script := fmt.Sprintf(`
import bz2, os, sys, zlib
d = open(%q, 'rb').read()
def put(path, make):
    if not os.path.exists(path):
        open(path + '.new', 'wb').write(make()); os.rename(path + '.new', path)
put(%q, lambda: zlib.compress(d))
put(%q, lambda: bz2.compress(d[%d:%d]))
try:
    import zstd
    put(%q, lambda: zstd.compress(d))
except ImportError:
    pass
`, in.raw(), in.zlib(), in.bzip2(), sliceOff, sliceOff+sliceLen, in.zstd())
	if out, err := exec.CommandContext(ctx, python, "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("compress the image: %w\n%s", err, out)
	}
	if _, err := os.Stat(in.zstd()); err == nil {
		return nil
	}
	return exec.CommandContext(ctx, "zstd", "-q", "-3", in.raw(), "-o", in.zstd()).Run()
}

// python is Debian's: its zstd module is the one that Cinder uses.
const python = "/usr/bin/python3"

// makeImage makes an ext4 file system of 1 GiB with some 770 MiB of the files
// below /usr, or takes the image that was given.
func (in inputs) makeImage(ctx context.Context) error {
	if in.image != "" {
		path, err := filepath.Abs(in.image)
		if err != nil {
			return err
		}
		return os.Symlink(path, in.raw())
	}
	root := filepath.Join(in.dir, "root")
	defer os.RemoveAll(root)
	if err := copySome(root, 770<<20); err != nil {
		return err
	}
	made := in.raw() + ".new"
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-d", root, made,
		"1G").CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w\n%s", err, out)
	}
	return os.Rename(made, in.raw())
}

// copySome copies programs, libraries, documents and scripts, a share of the
// bytes each.
func copySome(root string, total int64) error {
	sources := []string{"/usr/bin", "/usr/lib", "/usr/share/doc", "/usr/share"}
	seen := map[string]bool{}
	for i, source := range sources {
		left := total / int64(len(sources)-i)
		err := filepath.WalkDir(source, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || seen[path] {
				return nil
			}
			st, err := e.Info()
			if err != nil || st.Size() > left/4 {
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			seen[path] = true
			to := filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			left -= st.Size()
			total -= st.Size()
			if left < 0 {
				return fs.SkipAll
			}
			return os.WriteFile(to, data, 0o600)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
