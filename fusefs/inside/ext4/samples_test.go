package ext4

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
// them, and they were copied while it had them mounted, so that their journals
// want to be replayed. TestSamples makes them.
var sampleKinds = []struct{ name, mkfs string }{
	{"checksums", "-t ext4 -b 1024 -O inline_data,ea_inode,metadata_csum_seed -E hash_seed=11111111-2222-3333-4444-555555555555"},
	{"fast", "-t ext4 -b 1024 -O fast_commit,orphan_file -J size=2"},
	{"blocks", "-t ext3 -b 1024 -I 128"},
	{"clusters", "-t ext4 -b 4096 -O bigalloc,^metadata_csum -C 16384"},
}

// sample returns a sample by its number.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + sampleKinds[n].name + ".img.gz")
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	image, err := io.ReadAll(z)
	must(t, err)
	return image
}

// The samples are file systems in use, with something of everything. With
// RESTOREFS_EXT4_SAMPLES=1 they are made anew.
func TestSamples(t *testing.T) {
	for n, kind := range sampleKinds {
		if os.Getenv("RESTOREFS_EXT4_SAMPLES") != "" {
			makeSample(t, kind.name, strings.Fields(kind.mkfs))
		}
		image := sample(t, n)
		f, err := Open(bytes.NewReader(image), int64(len(image)), Options{})
		must(t, err)
		v := ownView(f)
		t.Logf("%s: %d files, %d places, %s", kind.name, len(v), len(places(f)), f.Info().Journal)
		for path, facts := range v {
			if facts["error"]+facts["readdir"]+facts["lookup"]+facts["xattr error"]+facts["target error"] != "" {
				t.Errorf("%s: %q: %v", kind.name, path, facts)
			}
		}
		if !strings.HasPrefix(f.Info().Journal, "replayed") || (kind.name == "fast") != strings.Contains(f.Info().Journal, "fast") {
			t.Errorf("%s: %s", kind.name, f.Info().Journal)
		}
	}
}

func makeSample(t *testing.T, name string, args []string) {
	guest.NeedMount(t)
	image := mkfs(t, 8, args...)
	copied := image + "-copied"
	mounted(t, image, "", func(root string) {
		in := func(name string) string { return filepath.Join(root, name) }
		write(t, in("tiny"), []byte("tiny"))
		write(t, in("one"), bytes.Repeat([]byte("1"), 20_000))
		must(t, os.Symlink(strings.Repeat("s", 100), in("slow")))
		must(t, os.Symlink("fast", in("fast")))
		must(t, os.Mkdir(in("many"), 0o755))
		for i := range 60 {
			write(t, in(fmt.Sprintf("many/name-%s-%d", strings.Repeat("m", 30), i)), nil)
		}
		f, err := os.Create(in("holes"))
		must(t, err)
		for i := range int64(100) {
			_, err := f.WriteAt([]byte{1}, i*i*2048)
			must(t, err)
		}
		must(t, f.Close())
		ignore(unix.Setxattr(in("tiny"), "user.a", bytes.Repeat([]byte("a"), 200), 0))
		ignore(unix.Setxattr(in("one"), "user.b", bytes.Repeat([]byte("b"), 2000), 0))
		unix.Sync()
		must(t, os.Rename(in("tiny"), in("many/tiny")))
		must(t, os.Remove(in("many/name-"+strings.Repeat("m", 30)+"-7")))
		syncFile(t, in("many/tiny"))
		for i := range 3 {
			must(t, os.WriteFile(in(fmt.Sprint("late", i)), bytes.Repeat([]byte("l"), 3000), 0o644))
			must(t, os.Link(in("one"), in(fmt.Sprint("many/link", i))))
			syncFile(t, in(fmt.Sprint("late", i)))
		}
		guest.CopyFile(t, image, copied)
	})
	out := filepath.Join("testdata", name+".img.gz")
	must(t, exec.Command("sh", "-c", "gzip -9n <"+copied+" >"+out).Run())
}

func syncFile(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	must(t, f.Sync())
}
