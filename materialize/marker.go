package materialize

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
)

// markerSuffix is the end of a marker's name, beside a file or in the state
// directory.
const markerSuffix = ".restorefs-partial"

const (
	markerVersion  = 1
	markerMaxBytes = 1 << 16
	headBytes      = 1 << 20
)

// marker says that restorefs began to write a backup onto a target and has not
// finished. With it, the next run of the same backup onto the same target needs
// no --force. It does not say how far the first run got: comparing the target
// does.
//
//	{"version":1,"backup":"4f...","target":"inode 12 born 1780000000.5",
//	 "path":"/srv/vm.raw","size":1073741824,"started":"2026-11-22T20:23:47Z","head":["9f2c..",""]}
type marker struct {
	Version int       `json:"version"`
	Backup  string    `json:"backup"`
	Target  string    `json:"target"` // identity, see fileKey and deviceKey
	Path    string    `json:"path"`   // for people
	Size    int64     `json:"size"`   // of the volume
	Started time.Time `json:"started"`
	// Head holds, for each page of the target's first MiB as it was before the
	// run, a part of its SHA-256, or "" for zeros. If a page is now neither
	// that, nor zero, nor the backup's, something else has written the target
	// since.
	Head []string `json:"head"`
}

// markerPath returns the path of the target's marker, or "" if it has none.
func (t *Target) markerPath(o OpenOptions) string {
	switch {
	case o.Backup == "":
		return ""
	case t.kind == KindFile:
		return t.path + markerSuffix
	case o.StateDir == "" || t.key == "":
		return ""
	}
	sum := sha256.Sum256([]byte(t.key))
	return filepath.Join(o.StateDir, fmt.Sprintf("%x%s", sum[:12], markerSuffix))
}

// readMarker returns the marker at path, or nil. A marker that is not valid, or that
// another user may have made, does not count: the operator is then asked for
// --force.
func readMarker(path string) *marker {
	f, err := os.OpenFile(path, os.O_RDONLY|private.Flags, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if private.Mine(f) != nil {
		return nil
	}
	p := make([]byte, markerMaxBytes)
	k, _ := f.ReadAt(p, 0)
	n := new(marker)
	if json.Unmarshal(p[:k], n) != nil || n.Version != markerVersion {
		return nil
	}
	return n
}

// writeMarker makes the marker durable before the first byte is written.
func (t *Target) writeMarker(head []string) error {
	data, err := json.Marshal(marker{Version: markerVersion, Backup: t.backup, Target: t.key,
		Path: t.path,
		Size: t.need, Started: time.Now().UTC().Truncate(time.Second), Head: head})
	if err != nil {
		return err
	}
	if _, err := os.Lstat(t.marker); err == nil && readMarker(t.marker) == nil {
		return fmt.Errorf("write %s: there is something of that name that is not a marker "+
			"of this user", t.marker)
	}
	return private.Replace(t.marker, data)
}

func (t *Target) removeMarker() error {
	if t.marker == "" {
		return nil
	}
	if err := os.Remove(t.marker); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return private.SyncDir(filepath.Dir(t.marker), nil)
}

// head returns marker.Head for the target as it is.
func (t *Target) head() ([]string, error) {
	if t.blank {
		return nil, nil
	}
	p := make([]byte, min(headBytes, t.size, t.need))
	if err := t.ReadAt(p, 0); err != nil {
		return nil, err
	}
	var out []string
	for len(p) > 0 {
		n := min(pageBytes, len(p))
		out = append(out, pageKey(p[:n]))
		p = p[n:]
	}
	return out, nil
}

func pageKey(p []byte) string {
	if allZero(p) {
		return ""
	}
	sum := sha256.Sum256(p)
	return fmt.Sprintf("%x", sum[:8])
}

// stillOurs checks, before an interrupted run is continued without --force,
// that the start of the target can have been left so by that run.
func (t *Target) stillOurs(ctx context.Context, vol Source) error {
	now, err := t.head()
	if err != nil {
		return err
	}
	strange := func(off int64) bool { // neither zero nor as it was before
		i := off / pageBytes
		return now[i] != "" && (i >= int64(len(t.continues.Head)) || t.continues.Head[i] != now[i])
	}
	block := int64(vol.Align())
	head := min(int64(len(now))*pageBytes, t.size, t.need)
	have, want := make([]byte, block), make([]byte, block)
	for off := int64(0); off < head; off += block {
		have, want = have[:min(block, t.need-off)], want[:min(block, t.need-off)]
		if err := t.ReadAt(have, off); err != nil {
			return err
		}
		if differs, err := vol.Differs(ctx, have, off); err == nil && len(differs) == 0 {
			continue
		}
		fetched := false
		for k := range min(int64(len(have)), head-off) {
			if !strange(off + k) {
				continue
			}
			if !fetched {
				if err := vol.ReadAt(ctx, want, off); err != nil {
					return fmt.Errorf("read %d bytes of the backup at offset %d: %w",
						len(want), off, err)
				}
				fetched = true
			}
			if have[k] != want[k] {
				return &RefusedError{Target: t.String(),
					Reasons: []Reason{{Kind: ReasonContent, Forceable: true,
						Text: fmt.Sprintf("it was written by something else, near offset %d, "+
							"since its restore of %s was interrupted", off+k,
							t.continues.Started.Format(time.RFC3339))}}}
			}
		}
	}
	return nil
}

// fileKey identifies a file independently of its name: by its inode and, where
// known, its time of birth.
func fileKey(fd int) string {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME,
		&st); err != nil {
		return ""
	}
	key := fmt.Sprintf("inode %d", st.Ino)
	if st.Mask&unix.STATX_BTIME != 0 {
		key += fmt.Sprintf(" born %d.%09d", st.Btime.Sec, st.Btime.Nsec)
	}
	return key
}

// deviceKey identifies a device across reboots or, if the kernel knows no
// lasting name, until it is detached or the machine restarts. It is "" if
// nothing identifies the device.
func (h host) deviceKey(m *machine, rdev uint64) string {
	b := m.blocks[rdev]
	if b == nil {
		return ""
	}
	dir := filepath.Join(h.sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(rdev),
		unix.Minor(rdev)))
	read := func(name string) string {
		p, _ := os.ReadFile(filepath.Join(dir, name))
		return strings.TrimSpace(string(p))
	}
	if b.whole != 0 {
		if key := h.deviceKey(m, b.whole); key != "" {
			return fmt.Sprintf("%s partition %s at %s", key, read("partition"), read("start"))
		}
		return ""
	}
	if b.loop != nil {
		return fmt.Sprintf("loop on %d:%d:%d at %d", b.loop.backing.rdev, b.loop.backing.dev,
			b.loop.backing.ino, b.loop.off)
	}
	for _, name := range []string{"dm/uuid", "md/uuid", "wwid", "device/wwid", "serial",
		"device/serial"} {
		if v := read(name); v != "" {
			return name + " " + v
		}
	}
	boot, _ := os.ReadFile(filepath.Join(h.proc, "sys/kernel/random/boot_id"))
	if seq := read("diskseq"); seq != "" && len(boot) > 0 {
		return fmt.Sprintf("boot %s disk %s", strings.TrimSpace(string(boot)), seq)
	}
	return ""
}
