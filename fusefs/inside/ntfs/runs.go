package ntfs

import (
	"math"
	"sort"
)

// run is a piece of the contents of an attribute.
type run struct {
	vcn   uint64 // its first cluster within the contents
	count uint64 // clusters
	lcn   uint64 // its first cluster on the disk, or noCluster
}

const noCluster = math.MaxUint64

// hole says that a run takes no room and is zeros.
func (r run) hole() bool { return r.lcn == noCluster }

// findRun returns the run that has a cluster.
func findRun(runs []run, vcn uint64) (run, bool) {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].vcn > vcn }) - 1
	if i < 0 || vcn-runs[i].vcn >= runs[i].count {
		return run{}, false
	}
	return runs[i], true
}

// runs adds the runs of an attribute, or of a piece of one, to those before it.
func (f *FS) runs(before []run, a attribute) ([]run, error) {
	const where = "a list of runs"
	clusters := uint64(f.bytes / f.cluster)
	vcn := a.vcn
	if n := len(before); n > 0 && before[n-1].vcn+before[n-1].count != vcn {
		return nil, corrupt(where, "it would continue at cluster %d", vcn)
	}
	var lcn int64
	for b := a.value; ; {
		if len(b) == 0 {
			return nil, corrupt(where, "it has no end")
		}
		head := b[0]
		if head == 0 {
			break
		}
		lengthBytes, offsetBytes := int(head&15), int(head>>4)
		if lengthBytes == 0 || lengthBytes > 8 || offsetBytes > 8 ||
			1+lengthBytes+offsetBytes > len(b) {
			return nil, corrupt(where, "numbers of %d and %d bytes", lengthBytes, offsetBytes)
		}
		count := signed(b[1:][:lengthBytes])
		if count <= 0 || uint64(count) > maxClusters-vcn {
			return nil, corrupt(where, "a run of %d clusters", count)
		}
		r := run{vcn: vcn, count: uint64(count), lcn: noCluster}
		if offsetBytes > 0 {
			lcn += signed(b[1+lengthBytes:][:offsetBytes])
			if lcn < 0 || uint64(lcn) >= clusters || uint64(count) > clusters-uint64(lcn) {
				return nil, corrupt(where, "a run of %d clusters at cluster %d", count, lcn)
			}
			r.lcn = uint64(lcn)
		}
		if len(before) >= maxMFTRuns {
			return nil, corrupt(where, "it has more than %d runs", maxMFTRuns)
		}
		before = append(before, r)
		vcn += uint64(count)
		b = b[1+lengthBytes+offsetBytes:]
	}
	// 0 is how an attribute without any says that it has none, and -1 too.
	if last := a.lastVCN + 1; vcn != last && !(vcn == a.vcn && a.lastVCN == 0) {
		return nil, corrupt(where, "it ends at cluster %d instead of %d", vcn, last)
	}
	return before, nil
}

// maxClusters bounds the numbers of clusters, so that none overflows as a number of bytes.
const maxClusters = uint64(maxBytes / maxCluster)

// signed reads a number of up to eight bytes.
func signed(b []byte) (v int64) {
	for i, c := range b {
		v |= int64(c) << (8 * i)
	}
	if n := len(b); n < 8 && b[n-1]&0x80 != 0 {
		v |= -1 << (8 * n)
	}
	return v
}
