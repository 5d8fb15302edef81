package ntfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// reparsePoint returns the contents of a reparse point.
func reparsePoint(tag uint32, data string) []byte {
	b := le.AppendUint32(nil, tag)
	b = le.AppendUint16(b, uint16(len(data)))
	return append(append(b, 0, 0), data...)
}

// windowsLink returns what is in a reparse point that leads to a target.
func windowsLink(target string, more string) string {
	name := wide(target)
	b := le.AppendUint16(nil, 0)
	b = le.AppendUint16(b, uint16(len(name)))
	b = le.AppendUint16(b, uint16(len(name)))
	b = le.AppendUint16(b, 0)
	return string(b) + more + name
}

func TestWhatWindowsPutsInPlaceOfFilesIsToldOrFollowed(t *testing.T) {
	const relative = "\x01\x00\x00\x00"
	points := map[string]struct {
		dir    bool
		tag    uint32
		data   string
		target string
		told   string
	}{
		"relative":     {tag: tagSymlink, data: windowsLink(`..\x\y`, relative), target: "../x/y"},
		"absolute":     {tag: tagSymlink, data: windowsLink(`\??\C:\x\y`, "\x00\x00\x00\x00"), target: "C:/x/y"},
		"directory":    {dir: true, tag: tagSymlink, data: windowsLink(`d`, relative), target: "d"},
		"junction":     {dir: true, tag: tagJunction, data: windowsLink(`\??\C:\Users`, ""), target: "C:/Users"},
		"share":        {dir: true, tag: tagSymlink, data: windowsLink(`\??\UNC\server\x`, "\x00\x00\x00\x00"), target: "//server/x"},
		"of Linux":     {tag: tagLinuxLink, data: "\x02\x00\x00\x00/usr/bin", target: "/usr/bin"},
		"compact":      {tag: tagCompact, data: strings.Repeat("\x01\x00\x00\x00", 4), told: "Compact OS"},
		"deduplicated": {tag: tagDeduplicated, data: strings.Repeat("d", 100), told: "deduplicated"},
	}
	image := mkfs(t, 4<<10)
	mounted(t, image, "", func(root string) {
		for name, p := range points {
			path := filepath.Join(root, name)
			if p.dir {
				guest.Must(t, os.Mkdir(path, 0o755))
			} else {
				guest.Write(t, path, nil)
			}
			guest.Must(t, unix.Setxattr(path, "system.ntfs_reparse_data", reparsePoint(p.tag, p.data), 0))
		}
	})
	f := opened(t, image)
	for name, p := range points {
		ino, err := f.Lookup(f.Root(), name)
		guest.Must(t, err)
		a, err := f.Stat(ino)
		guest.Must(t, err)
		if p.told != "" {
			_, err := f.Open(ino)
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), p.told) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		target, err := f.Readlink(ino)
		if err != nil || target != p.target || a.Mode&0xf000 != modeLink || a.Size != int64(len(target)) {
			t.Errorf("%s: %q (%v), mode %o", name, target, err, a.Mode)
		}
	}
	guest.Must(t, f.ReadDir(f.Root(), func(d Dirent) error {
		if want := uint8(modeLink >> 12); points[d.Name].target != "" && d.Type != want {
			t.Errorf("%s is listed as %d", d.Name, d.Type)
		}
		return nil
	}))
}

// recordAt returns the bytes of a file's record in an image.
func recordAt(t *testing.T, f *FS, image []byte, path string) []byte {
	t.Helper()
	ino := f.Root()
	for name := range strings.SplitSeq(path, "/") {
		var err error
		ino, err = f.Lookup(ino, name)
		guest.Must(t, err)
	}
	off := int64(ino) * f.record
	r, ok := findRun(f.mftRuns, uint64(off/f.cluster))
	if !ok {
		t.Fatalf("there is no %s", recordName(ino))
	}
	at := int64(r.lcn)*f.cluster + off - int64(r.vcn)*f.cluster
	return image[at:][:f.record]
}

// attributeAt returns the bytes of an attribute of a kind in a record.
func attributeAt(t *testing.T, record []byte, kind uint32) []byte {
	t.Helper()
	for at := int(le.Uint16(record[20:])); le.Uint32(record[at:]) != attrEnd; {
		b := record[at:][:le.Uint32(record[at+4:])]
		if le.Uint32(b) == kind {
			return b
		}
		at += len(b)
	}
	t.Fatalf("there is no attribute %#x", kind)
	return nil
}

func TestEncryptedFilesAreTold(t *testing.T) {
	image := sample(t, 1)
	f := openBytes(t, image)
	b := recordAt(t, f, image, "pieces")
	info := attributeAt(t, b, attrInformation)
	info[24+32+1] |= fileEncrypted >> 8
	attributeAt(t, b, attrData)[13] |= flagEncrypted >> 8
	f = openBytes(t, image)
	ino, err := f.Lookup(f.Root(), "pieces")
	guest.Must(t, err)
	if a, err := f.Stat(ino); err != nil || !a.Encrypted {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := f.Open(ino); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

func TestAVolumeInUseIsTold(t *testing.T) {
	image := sample(t, 1)
	f := openBytes(t, image)
	record := image[f.mft+recordVolume*f.record:]
	flags := attributeAt(t, record[:f.record], attrVolume)[24+10:]
	flags[0] |= volumeDirty
	if i := openBytes(t, image).Info(); i.Journal != "not replayed: the volume is marked for a check" {
		t.Errorf("%+v", i)
	}
	n, err := f.inode(recordLog)
	guest.Must(t, err)
	log, err := n.open(attrData, "")
	guest.Must(t, err)
	r, err := log.runAt(0)
	guest.Must(t, err)
	page := image[int64(r.lcn)*f.cluster:][:logPage]
	clear(page)
	copy(page, restartMagic)
	page[24] = 48
	if i := openBytes(t, image).Info(); !strings.HasPrefix(i.Journal, "not replayed: the volume was in use") {
		t.Errorf("%+v", i)
	}
}

func TestTheCopiesAreUsed(t *testing.T) {
	for n := range sampleKinds {
		image := sample(t, n)
		want := guest.OwnView(reader(openBytes(t, image)))
		f := openBytes(t, image)
		copy(image[len(image)-sectorBytes:], image[:sectorBytes])
		clear(image[:sectorBytes])
		clear(image[f.mft:][:f.record])
		f = openBytes(t, image)
		guest.OwnView(reader(f)).Compare(t, want)
		if len(f.Info().Notes) != 2 {
			t.Errorf("%q", f.Info().Notes)
		}
	}
}

func TestAnEntryOfAnotherFileThatIsThereNowIsAnError(t *testing.T) {
	image := sample(t, 0)
	f := openBytes(t, image)
	recordAt(t, f, image, "a")[16]++ // its sequence
	f = openBytes(t, image)
	if _, err := f.Lookup(f.Root(), "a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	names := 0
	err := f.ReadDir(f.Root(), func(Dirent) error { names++; return nil })
	if names != 7 || !strings.Contains(err.Error(), "another file") {
		t.Errorf("%d names, %v", names, err)
	}
}

func TestARecordThatWasNotWrittenToItsEndIsAnError(t *testing.T) {
	image := sample(t, 0)
	f := openBytes(t, image)
	recordAt(t, f, image, "pieces")[sectorBytes-1]++
	f = openBytes(t, image)
	ino, err := f.Lookup(f.Root(), "pieces")
	guest.Must(t, err)
	if _, err := f.Stat(ino); err == nil || !strings.Contains(err.Error(), "not written to its end") {
		t.Error(err)
	}
}

func TestNamesAndStreamsAreFound(t *testing.T) {
	f := openBytes(t, sample(t, 0))
	for name, size := range map[string]int64{
		"TINY.TXT": 5, "Resident": 600, "resident:large": 9000, "RESIDENT:zone.identifier:$DATA": 26,
	} {
		ino, err := f.Lookup(f.Root(), name)
		guest.Must(t, err)
		a, err := f.Stat(ino)
		guest.Must(t, err)
		file, err := f.Open(ino)
		if err != nil || a.Size != size || file.Size() != size {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	for _, name := range []string{"none", "resident:none", "none:large", "$MFT", "."} {
		if _, err := f.Lookup(f.Root(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
