package luks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// withinQcow2 is a qcow2 image with LUKS inside that qemu-img made, of a disk with holes.
func withinQcow2(t testing.TB, options string) made {
	need.Program(t, "qemu-img")
	dir := t.TempDir()
	plain, file := filepath.Join(dir, "plain"), filepath.Join(dir, "image")
	disk := make([]byte, 3<<20+512)
	copy(disk[200_000:], noise(500_000))
	copy(disk[2<<20+7:], noise(1<<20-7))
	copy(disk[len(disk)-100:], "the end")
	if err := os.WriteFile(plain, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	// Where the kernel counts processor time in ticks, it now and then measures none and gives up.
	run(t, "sh", "-c", `for i in 1 2 3 4 5 6 7 8; do qemu-img convert -f raw -O qcow2 --object \
		"secret,id=k,file=$0" -o "$1" "$2" "$3" && exit; done; exit 1`, keyFile(t),
		"encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10,"+options, plain, file)
	return read(t, options, file, plain)
}

func TestADiskWithinAnEncryptedQcow2ImageIsRead(t *testing.T) {
	for _, options := range []string{"cluster_size=64k", "cluster_size=512", "compat=0.10",
		"cluster_size=2M,preallocation=metadata", "lazy_refcounts=on,refcount_bits=1"} {
		m := withinQcow2(t, options)
		k, err := open(t, m.luks, passphrase)
		if err != nil {
			t.Errorf("%s: %v", options, err)
			continue
		}
		disk := k.On(m.reader())
		got := make([]byte, len(m.plain))
		if n, err := disk.ReadAt(got, 0); err != nil || !bytes.Equal(got, m.plain) ||
			k.Size() != int64(n) || k.Header().Linear() {
			t.Errorf("%s: %d of %d bytes, %v, or they differ", options, n, len(m.plain), err)
		}
		for range 200 {
			from := rand.IntN(len(m.plain))
			want := m.plain[from : from+rand.IntN(min(200_000, len(m.plain)-from)+1)]
			if n, err := disk.ReadAt(got[:len(want)], int64(from)); n != len(want) || err != nil ||
				!bytes.Equal(got[:n], want) {
				t.Fatalf("%s: %d bytes at %d: %d, %v, or they differ", options, len(want), from, n,
					err)
			}
		}
		k.Close()
		if _, err := open(t, m.luks, passphrase+"\n"); !errors.Is(err, ErrKey) {
			t.Errorf("%s: a wrong key: %v", options, err)
		}
	}
}

func TestAQcow2ImageIsRefusedWithWords(t *testing.T) {
	m := withinQcow2(t, "cluster_size=64k")
	extension := bytes.Index(m.luks, binary.BigEndian.AppendUint32(nil, extensionLUKS))
	with := func(at int, value uint64, n int) []byte {
		b := bytes.Clone(m.luks)
		copy(b[at:], binary.BigEndian.AppendUint64(nil, value)[8-n:])
		return b
	}
	for what, c := range map[string]struct {
		image []byte
		says  string
	}{
		"without encryption":          {with(32, 0, 4), ErrNone.Error()},
		"by QEMU's own AES":           {with(32, 1, 4), ErrNone.Error()},
		"of a version to come":        {with(4, 4, 4), "version 4"},
		"on a backing file":           {with(8, 600, 8), "backing file"},
		"corrupt":                     {with(72, 2, 8), "marked as corrupt"},
		"with an external data file":  {with(72, 4, 8), "external data file"},
		"clusters too large":          {with(20, 40, 4), "clusters of 2^40"},
		"a table out of the file":     {with(40, 1<<40, 8), "do not fit"},
		"a table that overflows":      {with(40, 1<<63-1, 8), "do not fit"},
		"a disk that is too large":    {with(24, 1<<60, 8), "do not fit"},
		"a header longer than it can": {with(100, 1<<30, 4), "a header of"},
		"no LUKS header":              {with(extension, 0x12345678, 4), "does not say where it is"},
		"its LUKS header elsewhere":   {with(extension+8, 1<<40, 8), "lies at byte"},
		"its LUKS header nowhere":     {with(extension+8, 1<<63, 8), "lies at byte"},
		"cut":                         {m.luks[:100], ErrNone.Error()},
	} {
		_, err := Read(bytes.NewReader(c.image), int64(len(c.image)))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	k, err := open(t, m.luks, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	longer := append(m.luks[:len(m.luks):len(m.luks)], make([]byte, 1<<20)...)
	if h, err := Read(bytes.NewReader(longer), int64(len(longer))); err != nil ||
		h.ID() == k.Header().ID() {
		t.Errorf("a volume where clusters can lie farther behind has the same key: %v", err)
	}
	table := int(binary.BigEndian.Uint64(m.luks[40:]))
	first := int(binary.BigEndian.Uint64(m.luks[table:]) & entryOffset)
	for what, c := range map[string]struct {
		image []byte
		says  string
	}{
		"a compressed cluster":      {with(first+3*8, 1<<62|5<<16, 8), "compressed"},
		"a cluster out of the file": {with(first+3*8, 1<<40, 8), "a cluster at byte"},
		"a table out of the file":   {with(table, 1<<40, 8), "a table at byte"},
	} {
		if _, err := k.On(bytes.NewReader(c.image)).ReadAt(make([]byte, 512), 200_000); err == nil ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzQcow2: whatever an image says, reading ends without a panic, and within the image.
func FuzzQcow2(f *testing.F) {
	head := make([]byte, 2048)
	copy(head, magicQcow2)
	for at, value := range map[int]uint32{4: 3, 20: 9, 28: 4096, 32: methodLUKS, 36: 1, 44: 512, 100: 112, 112: extensionLUKS,
		116: 16, 124: 1024, 132: 1024} {
		binary.BigEndian.PutUint32(head[at:], value)
	}
	f.Add(head)
	f.Fuzz(func(t *testing.T, image []byte) {
		r := bytes.NewReader(image)
		d := &volume{r, r.Size()}
		if len(image) < headerQcow2 {
			return
		}
		d.readQcow2(image)
		m, at, err := d.parseQcow2(image[:headerQcow2])
		if err != nil {
			return
		}
		d.extension(at, 1<<m.clusterBits)
		for off := int64(0); off < m.size && off < 1<<20; off += 100_000 {
			if at, err := m.find(r, off); err == nil && at >= int64(len(image))+1<<m.clusterBits {
				t.Fatalf("byte %d lies at %d of %d", off, at, len(image))
			}
		}
	})
}
