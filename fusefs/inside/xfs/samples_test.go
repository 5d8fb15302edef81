package xfs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// sampleKinds are how the samples were made: small file systems that are damaged
// in tests, so that these need neither root nor programs. A kernel has filled
// them, and they were copied while it had them mounted, so that their logs want
// to be replayed. TestSamples makes them; that of version 4 wants a kernel that
// mounts it.
var sampleKinds = []struct{ name, mkfs string }{
	{"version5", "-b size=1024 -n size=4096 -m rmapbt=1 -i nrext64=1 -d size=17m,agcount=1"},
	{"version4", "-m crc=0 -b size=512 -n size=4096 -i size=256 -d size=17m,agcount=1"},
}

// sample returns a sample by its number.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + sampleKinds[n].name + ".img.gz")
	guest.Must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	guest.Must(t, err)
	image, err := io.ReadAll(z)
	guest.Must(t, err)
	return image
}

// The samples are file systems in use, with something of everything. With
// RESTOREFS_XFS_SAMPLES=1 they are made anew.
func TestSamples(t *testing.T) {
	for n, kind := range sampleKinds {
		if os.Getenv("RESTOREFS_XFS_SAMPLES") != "" {
			makeSample(t, kind.name, strings.Fields(kind.mkfs))
		}
		image := sample(t, n)
		f, err := Open(bytes.NewReader(image), int64(len(image)), Options{})
		guest.Must(t, err)
		v := ownView(f)
		t.Logf("%s: %d files, %d places, %s", kind.name, len(v), len(places(f)), f.Info().Journal)
		for path, facts := range v {
			if facts["error"]+facts["readdir"]+facts["lookup"]+
				facts["xattr error"]+facts["target error"] != "" {
				t.Errorf("%s: %q: %v", kind.name, path, facts)
			}
		}
		if !strings.HasPrefix(f.Info().Journal, "replayed") {
			t.Errorf("%s: %s", kind.name, f.Info().Journal)
		}
	}
}

func makeSample(t *testing.T, name string, args []string) {
	needMount(t)
	image := mkfs(t, 20, args...)
	copied := image + "-copied"
	mounted(t, image, ",allocsize=4k", func(root string) {
		fillSample(t, root)
		guest.CopyFile(t, image, copied)
	})
	out := filepath.Join("testdata", name+".img.gz")
	guest.Must(t, os.MkdirAll("testdata", 0o755))
	guest.Must(t, exec.Command("sh", "-c", "gzip -9n <"+copied+" >"+out).Run())
}

func fillSample(t *testing.T, root string) {
	in := func(name string) string { return filepath.Join(root, name) }
	guest.Write(t, in("tiny"), []byte("tiny"))
	guest.Write(t, in("one"), bytes.Repeat([]byte("1"), 20_000))
	guest.Must(t, os.Symlink(strings.Repeat("s", 900), in("remote")))
	guest.Must(t, os.Symlink("local", in("local")))
	for name, many := range map[string]int{"few": 5, "block": 30, "leaf": 150, "node": 600} {
		guest.Must(t, os.Mkdir(in(name), 0o755))
		for i := range many {
			to := fmt.Sprintf("%s/name-%s-%d", name, strings.Repeat("m", 30), i)
			guest.Must(t, os.Link(in("tiny"), in(to)))
		}
	}
	f, err := os.Create(in("holes"))
	guest.Must(t, err)
	for i := range int64(200) {
		_, err := f.WriteAt([]byte{1}, i*(i+5)*2048)
		guest.Must(t, err)
	}
	guest.Must(t, f.Close())
	guest.Ignore(unix.Setxattr(in("tiny"), "user.a", bytes.Repeat([]byte("a"), 200), 0))
	for i := range 45 {
		value := bytes.Repeat([]byte("b"), i*40)
		guest.Ignore(unix.Setxattr(in("one"), fmt.Sprint("user.b", i), value, 0))
	}
	unix.Sync()
	syncFile(t, in("one"))
	guest.Must(t, os.Rename(in("tiny"), in("few/tiny")))
	guest.Must(t, os.Remove(in("block/name-"+strings.Repeat("m", 30)+"-7")))
	syncFile(t, in("few/tiny"))
	for i := range 3 {
		guest.Write(t, in(fmt.Sprint("late", i)), bytes.Repeat([]byte("l"), 3000))
		guest.Must(t, os.Link(in("one"), in(fmt.Sprint("leaf/link", i))))
		syncFile(t, in(fmt.Sprint("late", i)))
	}
}

func syncFile(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	guest.Must(t, err)
	defer f.Close()
	guest.Must(t, f.Sync())
}
