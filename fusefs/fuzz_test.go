package fusefs

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

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

// FuzzMountInfo reads arbitrary texts, and behind them a mount whose names are
// escaped as the kernel does: it is found by its name, and holds what is below it.
func FuzzMountInfo(f *testing.F) {
	f.Add(someMounts, "/mnt/my disks", "nas:/export #1", "/")
	f.Add("", `/a\040b`, "restorefs", `/x\`)
	f.Add("1 2 3", "/", "", "")
	f.Add(`22 1 0:1 /\134040 /\04 rw - nfs a\9:/ rw`, "/\xff", "[::1]:/", "/..")
	f.Fuzz(func(t *testing.T, text, point, source, root string) {
		if strings.ContainsAny(point+source+root, "\x00\r") || source == "" {
			return // no name in the kernel has them
		}
		point, root = path.Join("/", point), path.Join("/", root)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		before, err := parseMountInfo(strings.NewReader(text))
		if err != nil {
			text, before = "", nil
		}
		if n := strings.Count(text, "\n"); len(before) != n {
			t.Fatalf("%d mounts in %d lines", len(before), n)
		}
		text += fmt.Sprintf("99 1 0:99 %s %s rw shared:1 - nfs4 %s rw,addr=10.0.0.5\n", asKernel(root), asKernel(point), asKernel(source))
		mounts, err := parseMountInfo(strings.NewReader(text))
		if err != nil || len(mounts) != len(before)+1 {
			t.Fatalf("%d mounts, %v", len(mounts), err)
		}
		m := mounts[len(before)]
		if m.Mountpoint != point || m.Source != source || m.Root != root || m.Device != "0:99" || m.Type != "nfs4" {
			t.Fatalf("%+v is not %q on %q, root %q", m, source, point, root)
		}
		below := path.Join(point, "below")
		if at := mountAt(mounts, point); at == nil || *at != m {
			t.Fatalf("on %q is %+v", point, at)
		}
		if on := mountOf(mounts[len(before):], below); on == nil || *on != m {
			t.Fatalf("%q is on %+v", below, on)
		}
		if at := locations(mounts, below); !liesIn(mounts, below, point) || len(at) == 0 || !lieWithin(at, locations(mounts, point)) {
			t.Fatalf("%q, at %v, is not inside of %q", below, at, point)
		}
	})
}
