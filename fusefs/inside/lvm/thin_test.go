package lvm

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

const (
	thinExtent  = 64 << 10 // of the group, and the blocks of its pool
	thinExtents = 280
	metaExtents = 64
	dataExtents = 128
	thinBlocks  = 500 // of a thin volume
)

// mapping is which block of a pool's data each block of a thin volume is in.
type mapping map[int]int

// thinMappings are those of the pool of the sample.
func thinMappings() []mapping {
	r := rand.New(rand.NewPCG(3, 4))
	list := []mapping{{}, {}, {}}
	for i := range thinBlocks { // more than fit into one node
		if i%5 < 3 {
			list[0][i] = r.IntN(dataExtents)
			list[1][i] = list[0][i]
		}
	}
	for i := range 40 {
		list[1][i*3] = r.IntN(dataExtents) // a snapshot that was written to
		list[2][i*5] = r.IntN(dataExtents)
	}
	return list
}

// thinXML describes the pool as thin_restore(8) takes it.
func thinXML() string {
	var out strings.Builder
	fmt.Fprintf(&out, `<superblock uuid="" time="1" transaction="3" flags="0" version="2" `+
		`data_block_size="%d" nr_data_blocks="%d">`+"\n", thinExtent/sectorBytes, dataExtents)
	for n, m := range thinMappings() {
		fmt.Fprintf(&out, `<device dev_id="%d" mapped_blocks="%d" transaction="0" creation_time="0" snap_time="1">`+
			"\n", n+1, len(m))
		for i := range thinBlocks {
			if block, ok := m[i]; ok {
				fmt.Fprintf(&out, `<single_mapping origin_block="%d" data_block="%d" time="1"/>`+"\n", i, block)
			}
		}
		out.WriteString("</device>\n")
	}
	out.WriteString("</superblock>\n")
	return out.String()
}

// madeMetadata makes the metadata of the pool with thin_restore(8).
func madeMetadata(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	xml, meta := filepath.Join(dir, "xml"), filepath.Join(dir, "meta")
	guest.Write(t, xml, []byte(thinXML()))
	guest.Write(t, meta, nil)
	guest.Must(t, os.Truncate(meta, metaExtents*thinExtent))
	guest.Command(t, "thin_restore", "-i", xml, "-o", meta)
	b, err := os.ReadFile(meta)
	guest.Must(t, err)
	return b
}

// metadata returns the metadata of the pool, as it was made once.
func metadata(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/thin.meta.gz")
	guest.Must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	guest.Must(t, err)
	b, err := io.ReadAll(z)
	guest.Must(t, err)
	return b
}

// volumeText is the text of a volume of one segment.
func volumeText(name, status string, extents int, kind, rest string) string {
	return fmt.Sprintf("%s {\nid = \"%s\"\nstatus = [\"READ\", \"WRITE\"%s]\nflags = []\nsegment_count = 1\n"+
		"segment1 {\nstart_extent = 0\nextent_count = %d\ntype = %q\n%s\n}\n}\n",
		name, volumeID(name), status, extents, kind, rest)
}

// volumeID returns an id that depends on a name.
func volumeID(name string) string {
	id := strings.Repeat(strings.ReplaceAll(name, "_", ""), 32)[:32]
	return id[:6] + "-" + id[6:10] + "-" + id[10:14] + "-" + id[14:18] + "-" + id[18:22] + "-" + id[22:26] + "-" + id[26:]
}

func linear(at int) string {
	return fmt.Sprintf("stripe_count = 1\nstripes = [\n\"pv0\", %d\n]", at)
}

// kindsText has volumes of all kinds, on one physical volume.
func kindsText() string {
	const visible = `, "VISIBLE"`
	thin := func(id int, more string) string {
		return fmt.Sprintf("thin_pool = \"pool\"\ntransaction_id = 0\ndevice_id = %d\n%s", id, more)
	}
	return strings.Join([]string{
		volumeText("plain", visible, 16, "striped", linear(0)),
		volumeText("striped", visible, 16, "striped",
			"stripe_count = 2\nstripe_size = 32\nstripes = [\n\"pv0\", 16,\n\"pv0\", 24\n]"),
		volumeText("pool", visible, dataExtents, "thin-pool", "metadata = \"pool_tmeta\"\npool = \"pool_tdata\"\n"+
			"transaction_id = 3\nchunk_size = 128\ndiscards = \"passdown\"\nzero_new_blocks = 1"),
		volumeText("pool_tmeta", "", metaExtents, "striped", linear(32)),
		volumeText("pool_tdata", "", dataExtents, "striped", linear(32+metaExtents)),
		volumeText("thin", visible, thinBlocks, "thin", thin(1, "")),
		volumeText("snapshot", visible, thinBlocks, "thin", thin(2, "origin = \"thin\"")),
		volumeText("external", visible, 300, "thin", thin(3, "external_origin = \"plain\"")),
		volumeText("mirror", visible, 8, "raid1", "device_count = 2\nregion_size = 1024\nraids = [\n"+
			"\"mirror_rmeta_0\", \"mirror_rimage_0\",\n\"mirror_rmeta_1\", \"mirror_rimage_1\"\n]"),
		volumeText("mirror_rmeta_0", "", 1, "striped", linear(240)),
		volumeText("mirror_rimage_0", "", 8, "striped", linear(241)),
		volumeText("mirror_rmeta_1", "", 1, "striped", linear(250)),
		volumeText("mirror_rimage_1", "", 8, "striped", linear(251)),
		volumeText("old", visible, 8, "striped", linear(260)),
		volumeText("store", "", 4, "striped", linear(270)),
		volumeText("snapshot0", "", 8, "snapshot", "chunk_size = 8\norigin = \"old\"\ncow_store = \"store\""),
	}, "")
}

// toldText has volumes that are not read.
func toldText() string {
	const visible = `, "VISIBLE"`
	return volumeText("cached", visible, 8, "cache", "cache_pool = \"c\"\norigin = \"plain\"") +
		volumeText("parity", visible, 8, "raid5", "device_count = 3") +
		volumeText("dense", visible, 8, "vdo", "vdo_pool = \"v\"") +
		volumeText("lost", visible, 8, "thin", "thin_pool = \"pool\"\ndevice_id = 9") +
		volumeText("looped", visible, 8, "raid1", "raids = [ \"x\", \"looped\" ]")
}

// groupText is the text of a group that has these volumes.
func groupText(volumes string) string {
	text, _, _ := strings.Cut(sampleText, "logical_volumes {\n")
	return strings.Replace(text, "extent_size = 8\n", fmt.Sprintf("extent_size = %d\n", thinExtent/sectorBytes), 1) +
		"logical_volumes {\n" + volumes + "}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\n"
}

const dataStart = 256 * sectorBytes // of the sample's physical volume

// kindsDisk makes a physical volume with a text and the metadata of a pool.
func kindsDisk(text string, meta []byte) []byte {
	disk := append(made(text, 512), make([]byte, thinExtents*thinExtent)...)
	rand.NewChaCha8([32]byte{9}).Read(disk[dataStart:])
	copy(disk[dataStart+32*thinExtent:], meta)
	return disk
}

// contents is what volumes of kindsText hold, by the mappings from which the pool was made. The
// extents of the disk begin at begin.
func contents(disk []byte, begin int, name string) (out []byte) {
	extent := func(i int) []byte { return disk[begin+i*thinExtent:][:thinExtent] }
	several := func(from, count int) []byte { return disk[begin+from*thinExtent:][:count*thinExtent] }
	switch name {
	case "plain":
		return several(0, 16)
	case "mirror":
		return several(241, 8)
	case "old":
		return several(260, 8)
	case "striped":
		for i := 0; i < 8*thinExtent; i += 16 << 10 {
			out = append(append(out, several(16, 8)[i:][:16<<10]...), several(24, 8)[i:][:16<<10]...)
		}
		return out
	}
	mappings := thinMappings()
	device := map[string]int{"thin": 0, "snapshot": 1, "external": 2}[name]
	for i := range map[string]int{"thin": thinBlocks, "snapshot": thinBlocks, "external": 300}[name] {
		if block, ok := mappings[device][i]; ok {
			out = append(out, extent(32+metaExtents+block)...)
		} else if device == 2 && i < 16 {
			out = append(out, extent(i)...)
		} else {
			out = append(out, make([]byte, thinExtent)...)
		}
	}
	return out
}
