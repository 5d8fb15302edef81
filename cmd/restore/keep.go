package restore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/materialize"
)

// Files left for the operator contain a checksum of themselves. It shows a later run which file it
// may replace: one that restorefs wrote and that has not been changed since. A file that only looks
// like one belongs to the operator.
const (
	jsonSealed = ",\n  \"checksum\": \"sha256:%x\"\n}\n" // replaces the end of an object
	jsonEnd    = "\n}\n"
	mapSealed  = "# checksum sha256:%x\n" // the second line
)

// sealed returns an indented JSON object or a map with its checksum.
func sealed(data []byte) []byte {
	if body, ok := bytes.CutSuffix(data, []byte(jsonEnd)); ok {
		return fmt.Appendf(bytes.Clone(body), jsonSealed, sha256.Sum256(body))
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	out := fmt.Appendf(bytes.Clone(first), "\n"+mapSealed, sha256.Sum256(data))
	return append(out, rest...)
}

// isSealed reports whether data is exactly what sealed returned.
func isSealed(data []byte) bool {
	if n := len(data) - len(fmt.Sprintf(jsonSealed, sha256.Sum256(nil))); n > 0 &&
		bytes.HasSuffix(data, []byte(jsonEnd)) {
		return bytes.Equal(data, sealed(append(bytes.Clone(data[:n]), jsonEnd...)))
	}
	lines := bytes.SplitAfterN(data, []byte("\n"), 3)
	return len(lines) == 3 && bytes.Equal(data, sealed(append(bytes.Clone(lines[0]), lines[2]...)))
}

// sealedMax bounds the size of a file that can be recognized.
const sealedMax = 32 << 20

// ours reports whether restorefs wrote the file and it has not been changed since.
func ours(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|private.Flags, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > sealedMax {
		return false
	}
	data, err := io.ReadAll(io.LimitReader(f, sealedMax))
	return err == nil && isSealed(data)
}

// Keeper leaves files for the operator.
type Keeper struct {
	Force bool // files that restorefs did not write are replaced too
	// Outside refuses a path on the share, which is never written, or another path that must not be
	// written. nil refuses none.
	Outside func(path string) error
}

func (k Keeper) outside(path string) error {
	if k.Outside == nil {
		return nil
	}
	return k.Outside(path)
}

// May refuses an existing file that restorefs did not write, unless Force is set, and a file in a
// directory that cannot be written. The error for an existing file is a *materialize.RefusedError.
func (k Keeper) May(path string) error {
	if err := k.outside(path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink:
		return &materialize.RefusedError{Target: path,
			Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
				Text: "it is there, and not a regular file"}}}
	case err == nil && !k.Force && !ours(path):
		return &materialize.RefusedError{Target: path,
			Reasons: []materialize.Reason{{Kind: materialize.ReasonContent, Forceable: true,
				Text: "it exists, and is not a file that restorefs wrote or has been " +
					"changed since"}}}
	}
	dir := filepath.Dir(path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s cannot be written: its directory %s: %w", path, dir, err)
	}
	return nil
}

// Keep writes a file, indented JSON or a map, whole or not at all. Like May it does not replace a
// file that restorefs did not write, which may have appeared since May was called.
func (k Keeper) Keep(path string, data []byte) error {
	if err := k.outside(path); err != nil {
		return err
	}
	data = sealed(data)
	if k.Force || ours(path) {
		return private.Replace(path, data)
	}
	err := private.Create(path, data)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and restorefs did not write it: it is left as it is", path)
	}
	return err
}

// Aside returns the path of a file that cannot lie beside the target. It is in the working
// directory, or in the one for temporary files if Outside refuses that.
func (k Keeper) Aside(name string) string {
	if k.outside(filepath.Join(".", name)) != nil {
		return filepath.Join(os.TempDir(), name)
	}
	return name
}
