package filereport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Name is a name of a guest as a terminal may show it. One with other characters than those
// that are drawn is as bash reads it: $'...', which loses nothing.
func Name(name string) string {
	if plain(name) {
		return name
	}
	if utf8.ValidString(name) && safetext.Printable(name) == name &&
		!strings.HasPrefix(name, "$'") {
		return name
	}
	return wording.ShellWord(name)
}

// plain says whether a name is one of those that most are: ASCII that is drawn, without "$".
func plain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '$' {
			return false
		}
	}
	return true
}

// Part is a part of a disk in JSON; its fields are a contract.
type Part struct {
	Part      string `json:"part"` // p1, disk, or group/volume
	Start     int64  `json:"start"`
	Size      int64  `json:"size"`
	Kind      string `json:"kind"` // "" if not known
	Label     string `json:"label,omitempty"`
	State     string `json:"state"`               // clean, in use, unknown
	Container bool   `json:"container,omitempty"` // what it holds is in other parts
	Readable  bool   `json:"readable"`            // whether its files can be listed here
	Journal   string `json:"journal,omitempty"`   // if it was opened
	Error     string `json:"error,omitempty"`     // why it could not be looked into
}

func parts(d *files.Disk) []Part {
	out := []Part{}
	for _, p := range d.Parts {
		l := Part{
			Part:     p.Name,
			Start:    p.Start,
			Size:     p.Size,
			Kind:     p.Kind,
			Label:    p.Label,
			State:    p.State.String(),
			Readable: p.Readable(), Container: p.Container,
		}
		if info, ok := d.Opened(p); ok {
			l.Journal = info.Journal
		}
		if p.Err != nil {
			l.Error = p.Err.Error()
		}
		out = append(out, l)
	}
	return out
}

// File is a file inside a disk in JSON; its fields are a contract. What a guest wrote is
// bytes: where they are no UTF-8 the text has U+FFFD, and the field with _bytes has all of them.
type File struct {
	Part        string     `json:"part"`
	Path        string     `json:"path"`
	PathBytes   []byte     `json:"path_bytes,omitempty"`
	Type        string     `json:"type"`
	Mode        string     `json:"mode"` // permissions, octal
	UID         uint32     `json:"uid"`
	GID         uint32     `json:"gid"`
	Size        int64      `json:"size"`
	Links       uint32     `json:"links"`
	Inode       uint64     `json:"inode"`
	Modified    time.Time  `json:"mtime"`
	Accessed    time.Time  `json:"atime"`
	Changed     time.Time  `json:"ctime"`
	Created     *time.Time `json:"btime,omitempty"`
	Target      *string    `json:"target,omitempty"` // of a symbolic link
	TargetBytes []byte     `json:"target_bytes,omitempty"`
	Device      string     `json:"device,omitempty"` // major:minor
	Encrypted   bool       `json:"encrypted,omitempty"`
}

func newFile(n *files.Node) File {
	a := n.Attr
	l := File{
		Part: n.Part().Name, Path: n.Path, PathBytes: notText(n.Path), Type: n.Kind(),
		Mode: fmt.Sprintf("%04o", a.Mode&0o7777), UID: a.UID, GID: a.GID,
		Size: a.Size, Links: a.Nlink, Inode: n.Ino,
		Modified: when(a.Mtime), Accessed: when(a.Atime), Changed: when(a.Ctime),
		Encrypted: a.Encrypted,
	}
	if !a.Btime.IsZero() {
		t := when(a.Btime)
		l.Created = &t
	}
	if n.IsDevice() {
		l.Device = fmt.Sprintf("%d:%d", unix.Major(a.Rdev), unix.Minor(a.Rdev))
	}
	if target, err := n.Target(); err == nil && n.IsLink() {
		l.Target, l.TargetBytes = &target, notText(target)
	}
	return l
}

// when is a time as JSON can have it, in UTC: those that a guest has of another age than the years
// 0 to 9999 are the first or the last of these.
func when(t time.Time) time.Time {
	t = t.UTC()
	switch year := t.Year(); {
	case year < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case year > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}

// notText is the bytes of what is no UTF-8, nil for what is.
func notText(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

// Failure is a file that failed, in JSON; its fields are a contract.
type Failure struct {
	Path      string `json:"path"`
	PathBytes []byte `json:"path_bytes,omitempty"`
	Error     string `json:"error"`
}

// maxFailures bounds the files that failed that are kept for JSON; stderr has all.
const maxFailures = 10000

// Failures is what could not be read, copied or taken, for JSON: stderr has all.
type Failures []Failure

// Add adds one, as far as there is room.
func (f *Failures) Add(path, why string) {
	if len(*f) < maxFailures {
		*f = append(*f, Failure{path, notText(path), why})
	}
}

// List writes files as one object of JSON, one by one: there can be millions.
type List struct {
	w      io.Writer
	n      int
	failed Failures
}

// NewList begins the object with the backup and the parts of its disk.
func NewList(w io.Writer, backup string, d *files.Disk) (*List, error) {
	id, err := oneLine(backup)
	if err != nil {
		return nil, err
	}
	parts, err := oneLine(parts(d))
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "{\"backup\": %s,\n \"parts\": %s,\n \"files\": [", id, parts)
	return &List{w: w}, err
}

// Line is a file in JSON, for Add.
func Line(n *files.Node) (string, error) {
	line, err := oneLine(newFile(n))
	return string(line), err
}

// Add writes a file.
func (l *List) Add(line string) error {
	comma := ","
	if l.n++; l.n == 1 {
		comma = ""
	}
	_, err := fmt.Fprintf(l.w, "%s\n  %s", comma, line)
	return err
}

// Fail keeps what could not be read, for the end.
func (l *List) Fail(path string, err error) { l.failed.Add(path, err.Error()) }

// End writes what could not be read, and the end of the object.
func (l *List) End() error {
	failed, err := oneLine(append(Failures{}, l.failed...))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "\n ],\n \"failed\": %s}\n", failed)
	return err
}

// oneLine is JSON without an end of line.
func oneLine(v any) (json.RawMessage, error) {
	text, err := safetext.JSON(v, false)
	return bytes.TrimRight(text, "\n"), err
}
