package fusefs

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestAWriteWithoutASlotHandsItsSpansToThoseThatDrop(t *testing.T) {
	d := newDrops()
	stuck, other := &volumeNode{}, &volumeNode{}
	locked := make(chan struct{})
	var mu sync.Mutex
	var dropped []span
	f := func(n *volumeNode, s span) {
		if n == stuck {
			<-locked
			return
		}
		mu.Lock()
		defer mu.Unlock()
		dropped = append(dropped, s)
	}
	var wg sync.WaitGroup
	for range maxDrops {
		wg.Go(func() { d.drop(map[*volumeNode]span{stuck: {0, 1}}, f) })
	}
	eventually(t, "all slots are taken", func() bool { return len(d.slots) == maxDrops })
	for off := range int64(3) { // these return, their spans handed over
		d.drop(map[*volumeNode]span{other: {off * 10, off*10 + 5}}, f)
	}
	if len(dropped) != 0 {
		t.Errorf("dropped %v without a slot", dropped)
	}
	close(locked)
	wg.Wait()
	if len(dropped) != 1 || dropped[0] != (span{0, 25}) || len(d.slots) != 0 || d.hasPending() {
		t.Errorf("dropped %v, %d slots in use, some pending: %v", dropped, len(d.slots), d.hasPending())
	}
	d.drop(map[*volumeNode]span{other: {1, 2}}, f)
	if len(dropped) != 2 {
		t.Error("a write on its own drops nothing")
	}
}

// More writes of a partition than the server accepts at once wait for pages of
// the disk that a read holds locked. That read must be answered all the same.
func TestManyWritesOfAPartitionLetReadersOfTheDiskThrough(t *testing.T) {
	if _, err := exec.LookPath("fio"); err != nil {
		need.Missing(t, "needs the program fio")
	}
	const start, size = 512 * 100, 4096 * 100
	r, disk, _ := writable(t, func(b *TestBackup) { b.Table = mbrTable([2]int64{start, size}) })
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	// nothing else ends a deadlock
	defer context.AfterFunc(ctx, func() { unix.Unmount(r.mnt, unix.MNT_FORCE) })()
	fio := exec.CommandContext(ctx, "fio", "--name=flood", "--filename="+r.path("backups", idA, "partitions", "1.raw"), "--rw=randwrite", "--direct=1",
		"--ioengine=libaio", "--iodepth=64", "--bs=4k", "--size=400k", "--time_based", "--runtime=3", "--allow_file_create=0", "--output-format=terse")
	ended := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = fio.CombinedOutput()
		ended <- err
	}()
	for reads := 0; ; reads++ {
		select {
		case err := <-ended:
			if err != nil || reads < 10 {
				t.Errorf("%v after %d reads: %s", err, reads, out)
			}
			return
		default:
		}
		f, err := os.Open(disk)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(make([]byte, start+size), 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}
