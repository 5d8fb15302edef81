package ext4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// openBytes opens an image in memory.
func openBytes(t testing.TB, image []byte, opt Options) *FS {
	t.Helper()
	f, err := Open(bytes.NewReader(image), int64(len(image)), opt)
	must(t, err)
	return f
}

// found returns the inode at a path.
func found(t testing.TB, f *FS, path string) uint64 {
	t.Helper()
	at := f.Root()
	for name := range strings.SplitSeq(path, "/") {
		var err error
		at, err = f.Lookup(at, name)
		must(t, err)
	}
	return at
}

func TestChecksumsAreThoseOfTheKernel(t *testing.T) {
	check := []byte("123456789")
	if c := crc32be(^uint32(0), check); c != 0x0376e6e7 {
		t.Errorf("crc32_be: %#x", c)
	}
	if c := crc16(0xffff, check); c != 0x4b37 {
		t.Errorf("crc16: %#x", c)
	}
	if c := ^crc32c(^uint32(0), check); c != 0xe3069283 {
		t.Errorf("crc32c: %#x", c)
	}
}

func TestABackupSuperblockIsUsedAndTold(t *testing.T) {
	source := t.TempDir()
	write(t, filepath.Join(source, "file"), []byte("contents"))
	for _, args := range []string{"-t ext4 -b 1024", "-t ext4 -b 1024 -O sparse_super2",
		"-t ext2 -b 1024", "-t ext4 -b 1024 -g 4096", "-t ext4 -b 4096 -g 2056"} {
		off := 8389632
		switch {
		case strings.Contains(args, "4096 -g"):
			off = 2056 << 12
		case strings.Contains(args, "-g"):
			off = 4097 << 10
		}
		image, err := os.ReadFile(mkfs(t, 24, append(strings.Fields(args), "-d", source)...))
		must(t, err)
		want := ownView(openBytes(t, image, Options{}))
		clear(image[superOffset:][:superBytes])
		f := openBytes(t, image, Options{})
		if n := f.Info().Notes; len(n) != 1 ||
			!strings.Contains(n[0], fmt.Sprintf("backup superblock at offset %d is", off)) {
			t.Errorf("%s: %q", args, n)
		}
		ownView(f).Compare(t, want)
	}
}

func TestADamagedDescriptorIsReadFromItsBackup(t *testing.T) {
	image, err := os.ReadFile(mkfs(t, 24, "-t", "ext4", "-b", "1024"))
	must(t, err)
	want := ownView(openBytes(t, image, Options{}))
	clear(image[2048:3072])
	ownView(openBytes(t, image, Options{})).Compare(t, want)
}

var errBadBlock = errors.New("this block is damaged")

// failing fails reads that touch a range.
type failing struct {
	b          []byte
	begin, end int64
}

func (r *failing) ReadAt(p []byte, off int64) (int, error) {
	if off < r.end && off+int64(len(p)) > r.begin {
		return 0, errBadBlock
	}
	return copy(p, r.b[off:]), nil
}

// A block that cannot be read is the error of what is in it, and of nothing else.
func TestABlockThatCannotBeReadHarmsItsFileAlone(t *testing.T) {
	image := sample(t, 0)
	f := openBytes(t, image, Options{})
	want := ownView(f)
	one := found(t, f, "one")
	in, err := f.inode(one)
	must(t, err)
	r, err := f.runAt(in, 3, nil)
	must(t, err)
	bad := &failing{image, int64(r.disk) * f.bs, int64(r.disk+1) * f.bs}
	f, err = Open(bad, int64(len(image)), Options{})
	must(t, err)
	file, err := f.Open(one)
	must(t, err)
	p := make([]byte, 10_000)
	if n, err := file.ReadAt(p, 0); n != 0 || !errors.Is(err, errBadBlock) {
		t.Errorf("across the block: %d %v", n, err)
	}
	if n, err := file.ReadAt(p[:3*1024], 0); n != 3*1024 || err != nil {
		t.Errorf("before the block: %d %v", n, err)
	}
	got := ownView(f)
	for path, facts := range want {
		if facts["inode"] == fmt.Sprint(one) {
			if !strings.Contains(got[path]["error"], errBadBlock.Error()) {
				t.Errorf("%s: %v", path, got[path])
			}
			delete(want, path)
			delete(got, path)
		}
	}
	got.Compare(t, want)
}

// logBlocks returns the offsets of blocks of a kind in the log of an image.
func TestEncryptedFilesAreTold(t *testing.T) {
	image := sample(t, 1)
	f := openBytes(t, image, Options{})
	for _, path := range []string{"one", "slow", "many"} {
		ino := found(t, f, path)
		in, err := f.inode(ino)
		must(t, err)
		raw := slices.Clone(in.raw)
		le.PutUint32(raw[0x20:], in.flags|flagEncrypt)
		f.fast.inodes[ino] = &fastInode{raw: raw}
		if a, err := f.Stat(ino); err != nil || !a.Encrypted {
			t.Errorf("stat: %+v %v", a, err)
		}
		var read error
		switch in.kind() {
		case typeRegular:
			_, read = f.Open(ino)
		case typeLink:
			_, read = f.Readlink(ino)
		case typeDir:
			read = f.ReadDir(ino, func(Dirent) error { return nil })
		}
		if !errors.Is(read, ErrUnsupported) {
			t.Errorf("%s: %v", path, read)
		}
	}
}

// The index of a directory finds each name, and no other, with each kind of hash.
func TestIndexesOfDirectories(t *testing.T) {
	guest.NeedMount(t)
	for _, hash := range []string{"half_md4", "tea", "legacy", "half_md4 unsigned", "tea unsigned", "legacy unsigned"} {
		t.Run(hash, func(t *testing.T) {
			t.Parallel()
			image := mkfs(t, 16, "-t", "ext4", "-b", "1024", "-N", "4096")
			kind, unsigned := strings.CutSuffix(hash, " unsigned")
			guest.Command(t, "debugfs", "-w", "-R", "ssv def_hash_version "+kind, image)
			if unsigned {
				guest.Command(t, "debugfs", "-w", "-R", "ssv flags 2", image)
			}
			const count = 1500
			name := func(i int) string { return fmt.Sprintf("%d-\xe9-%s", i, strings.Repeat("n", 120+i%100)) }
			mounted(t, image, "", func(root string) {
				must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
				for i := range count {
					must(t, unix.Mknod(filepath.Join(root, "d", name(i)), unix.S_IFIFO|0o600, 0))
				}
			})
			f := opened(t, image, Options{})
			in, err := f.inode(found(t, f, "d"))
			must(t, err)
			for i := range count {
				if at, _, err := f.lookupHash(in, name(i)); at == 0 || err != nil {
					t.Fatalf("%q: %d %v", name(i), at, err)
				}
			}
			if at, sure, err := f.lookupHash(in, name(count)); at != 0 || !sure || err != nil {
				t.Errorf("a name that is not there: %d %v %v", at, sure, err)
			}
			_, b, err := f.indexNodeAt(in, 0)
			must(t, err)
			if b[rootInfo+6] == 0 {
				t.Error("the index has one level only")
			}
		})
	}
}

// Ranges over each other are what they are if they are put one after the other.
// Many goroutines read one file system at once, with a cache that is too small.
func TestManyReadAtOnce(t *testing.T) {
	f := openBytes(t, sample(t, 1), Options{CacheBytes: 1})
	want := ownView(f)
	file, err := f.Open(found(t, f, "holes"))
	must(t, err)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			ownView(f).Compare(t, want)
			for k := range int64(50) {
				p := make([]byte, 1)
				if _, err := file.ReadAt(p, (k*k+int64(i))%100*2048); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Any piece of a file is what it is in the whole of it.
func TestPiecesOfFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range sampleKinds {
		f := openBytes(t, sample(t, n), Options{})
		for _, path := range []string{"one", "holes", "many/tiny", "late1"} {
			file, err := f.Open(found(t, f, path))
			must(t, err)
			whole := make([]byte, min(file.Size(), 1<<20))
			_, err = file.ReadAt(whole, 0)
			must(t, err)
			for range 60 {
				off := r.Int64N(int64(len(whole)))
				p := bytes.Repeat([]byte{0xee}, r.IntN(9000))
				n, err := file.ReadAt(p, off)
				want := whole[off:]
				if len(want) >= len(p) {
					want = want[:len(p)]
					must(t, err)
				} else if file.Size() == int64(len(whole)) && err != io.EOF {
					t.Errorf("%s: at the end: %v", path, err)
				}
				if n < len(want) || !bytes.Equal(p[:len(want)], want) {
					t.Fatalf("%s: %d bytes at %d are others", path, len(p), off)
				}
			}
		}
	}
}

// A block of an earlier commit that is damaged is an error where it is needed, if
// no later commit has it anew; the replay goes on.
