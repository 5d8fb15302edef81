package xfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// changed returns a sample that was changed, with the checksum of its superblock right.
func changed(t *testing.T, change func(super []byte)) []byte {
	image := sample(t, 0)
	change(image)
	le.PutUint32(image[superCRC:], checksum(image[:512], superCRC))
	return image
}

func tryOpen(image []byte, opt Options) (*FS, error) {
	return Open(bytes.NewReader(image), int64(len(image)), opt)
}

func TestWhatIsNotReadIsRefusedByName(t *testing.T) {
	for want, change := range map[string]func(sb []byte){
		"zoned":            func(sb []byte) { be.PutUint32(sb[216:], be.Uint32(sb[216:])|0x200) },
		"incompat:30":      func(sb []byte) { be.PutUint32(sb[216:], be.Uint32(sb[216:])|1<<30) },
		"needsrepair":      func(sb []byte) { be.PutUint32(sb[216:], be.Uint32(sb[216:])|incompatRepair) },
		"XFS of version 3": func(sb []byte) { be.PutUint16(sb[100:], 3) },
	} {
		_, err := tryOpen(changed(t, change), Options{})
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestALogThatCannotBeReplayedIsRefused(t *testing.T) {
	for want, image := range map[string][]byte{
		"on another disk":      changed(t, func(sb []byte) { be.PutUint64(sb[48:], 0) }),
		"another file system":  changed(t, func(sb []byte) { sb[33]++ }),
		"a log of 1048575 blo": changed(t, func(sb []byte) { be.PutUint32(sb[96:], 1<<20-1) }),
	} {
		if _, err := tryOpen(image, Options{}); !errors.Is(err, ErrLogDirty) {
			t.Errorf("%s: %v", want, err)
		}
	}
	_, err := tryOpen(sample(t, 0), Options{JournalBytes: 20_000})
	if !errors.Is(err, ErrLogDirty) || !strings.Contains(err.Error(), "memory") {
		t.Errorf("a log that needs more memory: %v", err)
	}
}

func TestWithoutReplayTheDiskIsOlder(t *testing.T) {
	image := sample(t, 0)
	now, before := openBytes(t, image, Options{}), openBytes(t, image, Options{NoReplay: true})
	if i := before.Info(); !strings.HasPrefix(i.Journal, "not replayed: ") || len(i.Notes) == 0 {
		t.Errorf("%+v", i)
	}
	if _, err := now.Lookup(now.Root(), "late0"); err != nil {
		t.Error(err)
	}
	if _, err := before.Lookup(before.Root(), "late0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the replay: %v", err)
	}
}

// A record that was not written to its end ends the log before it.
func TestALastRecordThatIsDamagedEndsTheReplay(t *testing.T) {
	image := sample(t, 0)
	f := openBytes(t, image, Options{})
	l, s, err := f.findLog()
	guest.Must(t, err)
	before, err := l.before(s.last.sector, l.window())
	guest.Must(t, err)
	for what, at := range map[string]int64{
		"its header": s.last.sector, "what it has": s.last.sector + s.last.headers,
	} {
		damaged := bytes.Clone(image)
		damaged[l.begin+at<<sectorShift+100] ^= 0x40
		i := openBytes(t, damaged, Options{}).Info()
		want := fmt.Sprintf("replayed to record %d:%d", before.lsn>>32, sectorOf(before.lsn))
		if i.Journal != want || len(i.Notes) != 1 || !strings.Contains(i.Notes[0], "not written to its end") {
			t.Errorf("%s: %q %q, want %q", what, i.Journal, i.Notes, want)
		}
	}
}

// A directory that has a damaged block is not read in whole, and nothing else is harmed.
func TestABlockThatIsDamagedHarmsItsDirectoryAlone(t *testing.T) {
	needMount(t)
	path := mkfs(t, 40, "-b", "size=1024")
	mounted(t, path, "", func(root string) { fillSample(t, root) })
	image, err := os.ReadFile(path)
	guest.Must(t, err)
	f := openBytes(t, image, Options{})
	want := ownView(f)
	node, err := f.Lookup(f.Root(), "node")
	guest.Must(t, err)
	in, err := f.inode(node)
	guest.Must(t, err)
	r, err := f.runAt(in, &in.data, 4, nil)
	guest.Must(t, err)
	image[int64(r.disk)<<f.sb.logBlock+100] ^= 1
	got := ownView(openBytes(t, image, Options{}))
	if !strings.Contains(got["node"]["readdir"], "checksum") {
		t.Errorf("the directory: %v", got["node"])
	}
	lost := 0
	for path := range want {
		if _, ok := got[path]; !ok && strings.HasPrefix(path, "node/") {
			lost++
			delete(want, path)
		}
	}
	delete(want, "node")
	delete(got, "node")
	if lost == 0 || lost > 200 {
		t.Errorf("%d names are lost", lost)
	}
	got.Compare(t, want)
}

func TestChangesOfExtentsReplaceEachOther(t *testing.T) {
	var c changes
	for _, r := range []run{
		{from: 10, to: 20, disk: 100, data: true}, {from: 12, to: 14}, {from: 18, to: 25, disk: 7, data: true},
		{from: 2, to: 11}, {from: 40, to: 41, disk: 9, data: true},
	} {
		c = c.with(r)
	}
	want := "[{2 11 0 false} {11 12 101 true} {12 14 0 false} {14 18 104 true} {18 25 7 true} {40 41 9 true}]"
	if got := fmt.Sprint(c); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if r, _, ok := c.at(15); !ok || r.disk != 105 || r.to != 18 {
		t.Errorf("block 15: %v %v", r, ok)
	}
	if _, next, ok := c.at(30); ok || next != 40 {
		t.Errorf("block 30: %d %v", next, ok)
	}
}
