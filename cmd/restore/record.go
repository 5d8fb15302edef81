package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize"
)

const (
	recordSuffix = ".metadata.json"
	mapSuffix    = ".bad-ranges.map"
)

// mayKeepFiles refuses a target if the files beside it could not be written.
func (r *Restore) mayKeepFiles(t *materialize.Target) error {
	if r.o.Record == "" {
		if path := r.recordPath(t); path != "" {
			if err := r.o.Keeper.May(path); err != nil {
				return err
			}
		}
	}
	if r.o.Salvage != NoSalvage {
		return r.o.Keeper.May(r.mapPath(t))
	}
	return nil
}

// recordPath returns the path of the file for the volume's metadata, "" if there is to be none.
func (r *Restore) recordPath(t *materialize.Target) string {
	switch {
	case r.o.NoRecord:
		return ""
	case r.o.Record != "":
		return r.o.Record
	case r.o.Foreign || t.Kind() != materialize.KindFile:
		return ""
	}
	return t.Path() + recordSuffix
}

// writeRecord writes the volume's metadata, and returns the path of the file.
func (r *Restore) writeRecord(ctx context.Context, t *materialize.Target) (string, error) {
	path := r.recordPath(t)
	if path == "" {
		return "", nil
	}
	if SameFile(path, t.Path()) {
		return "", fmt.Errorf("the file for the metadata, %s, is the target itself", path)
	}
	text, err := r.RecordText(ctx)
	if err == nil {
		err = r.o.Keeper.Keep(path, text)
	}
	if err != nil {
		return "", err
	}
	return path, nil
}

// RecordText is RecordText of what is restored, which may be decrypted.
func (r *Restore) RecordText(ctx context.Context) ([]byte, error) {
	record, err := r.Backup.Record(ctx)
	if err != nil {
		return nil, err
	}
	if h := r.Encryption(); h != nil {
		record.Decrypted = &backupstore.Decryption{Version: h.Version,
			Cipher: safetext.Printable(h.Cipher), SizeBytes: h.Size}
	}
	return safetext.JSON(record, true)
}

// RecordText returns the metadata of a backup's volume as indented JSON.
func RecordText(ctx context.Context, b *backupstore.Backup) ([]byte, error) {
	record, err := b.Record(ctx)
	if err != nil {
		return nil, err
	}
	return safetext.JSON(record, true)
}

// recordOf returns the id of the backup that the record at path describes, "" if it is no record.
func recordOf(path string) string {
	const most = 16 << 20
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return ""
	}
	text, err := os.ReadFile(path)
	var record backupstore.Record
	if err != nil || json.Unmarshal(text, &record) != nil {
		return ""
	}
	return record.Backup.ID
}

// mapPath returns the path of the map of what is lost.
func (r *Restore) mapPath(t *materialize.Target) string {
	if r.o.Foreign || t.Kind() != materialize.KindFile {
		return r.o.Keeper.Aside(r.Backup.ID + mapSuffix)
	}
	return t.Path() + mapSuffix
}

// writeMap writes the map of what is lost, and returns its path.
func (r *Restore) writeMap(t *materialize.Target, lost []Range) (string, error) {
	if len(lost) == 0 {
		return "", nil
	}
	var text bytes.Buffer
	of := fmt.Sprintf("backup %s on %s", r.Backup.ID, safetext.Printable(t.Path()))
	if err := backupstore.WriteMap(&text, r.Backup.Size, lost, of); err != nil {
		return "", err
	}
	path := r.mapPath(t)
	if err := r.o.Keeper.Keep(path, text.Bytes()); err != nil {
		return "", err
	}
	return path, nil
}

// SameFile reports whether two names mean the same file, even if it does not exist yet.
func SameFile(a, b string) bool {
	infoA, err := os.Stat(a)
	infoB, errB := os.Stat(b)
	if err == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	dirA, err := os.Stat(filepath.Dir(a))
	dirB, errB := os.Stat(filepath.Dir(b))
	return err == nil && errB == nil && os.SameFile(dirA, dirB) &&
		filepath.Base(a) == filepath.Base(b)
}

// Resolve returns the absolute path of a target without symbolic links. The target itself need not
// exist, only its directory.
func Resolve(name string) string {
	path, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		if path, err = filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
			path = filepath.Join(path, filepath.Base(name))
		}
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return name
	}
	return path
}
