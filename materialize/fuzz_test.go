package materialize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
)

// FuzzNote reads arbitrary notes. A note that is believed must be of this version, bounded, and
// unchanged when it is written again.
func FuzzNote(f *testing.F) {
	f.Add([]byte(`{"version":1,"backup":"4f","target":"inode 12 born 1780000000.5","path":"/srv/vm.raw","size":1073741824,"started":"2026-11-22T20:23:47Z","head":["9f2c",""]}`))
	f.Add([]byte(`{"version":2,"backup":"4f"}`))
	f.Add([]byte(`{"version":1,"size":-1,"head":[null,"` + "\xff" + `"],"started":"0001-01-01T00:00:00+23:59"}`))
	f.Add([]byte(`{"version":1,"head":{}}`))
	f.Add([]byte("[1]"))
	f.Add(append([]byte(`{"version":1}`), bytes.Repeat([]byte(" "), markerMaxBytes)...))
	at := filepath.Join(f.TempDir(), "note")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(at, text, 0o600); err != nil {
			t.Fatal(err)
		}
		n := readMarker(at)
		if n == nil {
			return
		}
		if n.Version != markerVersion || len(n.Head) > markerMaxBytes/2 || len(n.Backup)+len(n.Target)+len(n.Path) > 3*markerMaxBytes {
			t.Fatalf("%+v", n)
		}
		whole, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(whole) > markerMaxBytes {
			return
		}
		if err := private.Replace(at, whole); err != nil {
			t.Fatal(err)
		}
		again := readMarker(at)
		if again == nil || !again.Started.Equal(n.Started) {
			t.Fatalf("%+v became %+v", n, again)
		}
		again.Started = n.Started
		if len(n.Head)+len(again.Head) == 0 {
			again.Head = n.Head // null and []
		}
		if !reflect.DeepEqual(again, n) {
			t.Fatalf("%+v became %+v", n, again)
		}
	})
}

// asKernel escapes a name as Linux does in mountinfo (seq_escape in fs/proc_namespace.c).
func asKernel(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; strings.IndexByte(" \t\n\\#", c) >= 0 {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// FuzzMountsInUse reads arbitrary texts as mountinfo, followed by a mount whose names are escaped
// as the kernel does. That mount must be found.
func FuzzMountsInUse(f *testing.F) {
	f.Add("22 1 254:1 / / rw,relatime shared:1 - ext4 none rw\n", "/mnt/my disks #1\u00a0\u2028\v", uint32(8), uint32(1))
	f.Add("23 22 0:21 / /proc rw - proc\n\n1 2 3\n- - - - - - - -\n", `/a\040b`, uint32(0), uint32(77))
	f.Add("1 1 -1:1 / / - btrfs /dev/null\n1 1 0:1 / / rw - btrfs /dev/null rw", "/\xff", uint32(259), uint32(1<<20-1))
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "self"), 0o700); err != nil {
		f.Fatal(err)
	}
	h := host{proc: dir}
	f.Fuzz(func(t *testing.T, text, point string, major, minor uint32) {
		if len(text) > 1<<16 || strings.ContainsAny(point, "\x00\r") || strings.Contains(text, "/dev/") && !strings.Contains(text, "/dev/null") {
			return // names below /dev would be looked up
		}
		point, major, minor = path.Join("/", point), major%(1<<12), minor%(1<<20)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		lines := strings.Count(text, "\n") + 1
		text += fmt.Sprintf("99 1 %d:%d / %s rw shared:1 - ext4 none rw\n", major, minor, asKernel(point))
		if err := os.WriteFile(filepath.Join(dir, "self/mountinfo"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := &machine{}
		if err := h.readMountsOf(m, "self", ""); err != nil {
			t.Fatal(err)
		}
		if len(m.mounts) < 1 || len(m.mounts) > lines {
			t.Fatalf("%d mounts in %d lines", len(m.mounts), lines)
		}
		if got, want := m.mounts[len(m.mounts)-1], (mount{dev: unix.Mkdev(major, minor), point: point}); got != want {
			t.Fatalf("%+v is not %+v", got, want)
		}
	})
}

// FuzzSignatures looks at arbitrary disks. A disk of zeros must hold nothing, and each format must
// be named only once, in printable text.
func FuzzSignatures(f *testing.F) {
	for _, m := range magics {
		if m.off >= 0 && m.off < 1<<14 {
			f.Add(uint32(m.off), []byte(m.magic), []byte{}, uint32(1<<20), byte(0))
		}
	}
	ext := make([]byte, 256)
	copy(ext[56:], "\x53\xef")
	copy(ext[120:], "a\x1b[31m\xff\n\u202e")
	f.Add(uint32(1024), ext, []byte("EFI PART"), uint32(4096), byte(0xff))
	f.Add(uint32(446), []byte{0x80, 1, 1, 1, 0x83}, []byte{0x55, 0xaa}, uint32(0), byte(1))
	f.Add(uint32(4086), []byte("SWAPSPACE2LABELONE"), []byte("conectix"), uint32(1<<17), byte(0))
	f.Fuzz(func(t *testing.T, at uint32, head, tail []byte, zeros uint32, more byte) {
		disk := make([]byte, int(at%(3<<17))+len(head)+int(zeros%(3<<19))+len(tail)+int(more))
		copy(disk[at%(3<<17):], head)
		copy(disk[len(disk)-len(tail)-int(more):], tail)
		names, err := signatures(bytes.NewReader(disk), int64(len(disk)))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, name := range names {
			if name == "" || len(name) > 200 || seen[name] || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q among %q", name, names)
			}
			seen[name] = true
		}
		if len(names) > 0 && allZero(disk) {
			t.Fatalf("zeros hold %q", names)
		}
		blank, nonzero, err := blankSoFar(bytes.NewReader(disk), int64(len(disk)))
		if err != nil {
			t.Fatal(err)
		}
		if len(disk) <= 2*edgeBytes && blank != allZero(disk) || !blank && allZero(disk[nonzero:]) {
			t.Fatalf("blank: %v, from %d of %d on", blank, nonzero, len(disk))
		}
	})
}
