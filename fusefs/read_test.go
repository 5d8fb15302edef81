package fusefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dd reads at most n bytes with the program of that name, beginning at skip.
func dd(t testing.TB, file string, bs, skip, n int64, flags string) ([]byte, error) {
	t.Helper()
	if flags != "" {
		flags = "," + flags
	}
	return output(t, "dd", "if="+file, "bs="+strconv.FormatInt(bs, 10), "skip="+strconv.FormatInt(skip, 10),
		"count="+strconv.FormatInt(n, 10), "iflag=skip_bytes,count_bytes,fullblock"+flags, "status=none")
}

func TestReadsAreExact(t *testing.T) {
	b := sample(idA)
	r := mounted(t, b)
	file, want := r.path("backups", idA, "volume.raw"), b.content()
	size := b.RealSize
	for _, flags := range []string{"direct", ""} {
		for _, bs := range []int64{512, 777, 4096, 64<<10 + 1, 1 << 20, 3 << 20} {
			for _, skip := range []int64{0, 1, 511, 4095, 32 << 10, 1<<20 - 1, 3<<20 + 4000, size - 5000, size - 1, size, size + 10} {
				n := min(bs*3+5, 200*bs, 4<<20)
				got, err := dd(t, file, bs, skip, n, flags)
				if err != nil {
					t.Fatalf("%q bs=%d skip=%d: %v", flags, bs, skip, err)
				}
				if !bytes.Equal(got, want[min(skip, size):min(skip+n, size)]) {
					t.Errorf("%q bs=%d skip=%d: %d bytes, not those of the volume", flags, bs, skip, len(got))
				}
			}
		}
		compareFile(t, file, want)
	}
}

// go-fuse must find the method Slices by its name and write the slices as they
// are; otherwise it calls Bytes, which asks for them again.
func TestReadsAreNotFlattened(t *testing.T) {
	b := sample(idA)
	r := mounted(t, b)
	got, err := dd(t, r.path("backups", idA, "volume.raw"), 1<<20, 0, b.RealSize, "direct")
	if err != nil || !bytes.Equal(got, b.content()) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	// dd gets the last bytes before they are released.
	eventually(t, "all reads are released", func() bool { s := r.stats(); return s.Releases == s.Reads })
	s := r.stats()
	if s.Reads == 0 || s.SliceCalls != s.Reads {
		t.Errorf("each read: one call of Slices, one of Release: %+v", s)
	}
	if s.Reads != 7 {
		t.Errorf("%d reads of a bit more than 6 MiB: requests are not 1 MiB", s.Reads)
	}
}

func TestMoreSlicesThanWritevTakesAreCopied(t *testing.T) {
	b := sample(idA)
	b.SliceBytes = 512 // 2048 in a MiB
	r := mounted(t, b)
	got, err := dd(t, r.path("backups", idA, "volume.raw"), 1<<20, 0, b.RealSize, "direct")
	if err != nil || !bytes.Equal(got, b.content()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestSecondReaderIsServedByThePageCache(t *testing.T) {
	b := sample(idA)
	r := mounted(t, b)
	for range 2 {
		compareFile(t, r.path("backups", idA, "volume.raw"), b.content())
	}
	if s := r.stats(); s.ReadBytes > 2*b.RealSize-1<<20 {
		t.Errorf("read %d bytes for a file of %d", s.ReadBytes, b.RealSize)
	}
}

func TestDamageIsAnErrorForItsRangeOnly(t *testing.T) {
	b := sample(idA)
	b.Damaged = [2]int64{3<<20 + 8192, 3<<20 + 8192 + 32<<10}
	b.Missing = [2]int64{5 << 20, 5<<20 + 4096}
	r := mounted(t, b)
	file, want := r.path("backups", idA, "volume.raw"), b.content()
	for what, c := range map[string]struct {
		skip, n int64
		flags   string
		err     string
	}{
		"before, direct":       {0, b.Damaged[0], "direct", ""},
		"the damage, direct":   {b.Damaged[0], 4096, "direct", "Input/output error"},
		"its last byte":        {b.Damaged[1] - 1, 1, "direct", "Input/output error"},
		"over it":              {b.Damaged[0] - 4096, 64 << 10, "direct", "Input/output error"},
		"behind it, direct":    {b.Damaged[1], 1 << 20, "direct", ""},
		"a vanished object":    {b.Missing[0], 4096, "direct", "Stale file handle"},
		"the damage, buffered": {b.Damaged[0], 4096, "", "Input/output error"},
		"behind it, buffered":  {b.Damaged[1], 1 << 20, "", ""},
		"the start, buffered":  {0, 1 << 20, "", ""},
	} {
		got, err := dd(t, file, 4096, c.skip, c.n, c.flags)
		if c.err == "" && (err != nil || !bytes.Equal(got, want[c.skip:c.skip+c.n])) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %d bytes, %v, want %s", what, len(got), err, c.err)
		}
	}
	// dd with conv=noerror must save all but the damaged blocks.
	rest := bytes.Clone(want)
	clear(rest[b.Damaged[0]:b.Damaged[1]])
	clear(rest[b.Missing[0]:b.Missing[1]])
	for _, flags := range []string{"direct", "fullblock"} {
		dst := filepath.Join(t.TempDir(), "saved")
		output(t, "dd", "if="+file, "of="+dst, "bs=4096", "conv=noerror,sync", "iflag="+flags)
		got, err := os.ReadFile(dst)
		if err != nil || len(got) < len(rest) || !bytes.Equal(got[:len(rest)], rest) {
			t.Errorf("saved, %s: %d bytes, %v", flags, len(got), err)
		}
	}
	log := strings.Join(r.stats().Log, "\n")
	for _, want := range []string{`"msg":"cannot read"`, `"backup":"` + idA + `"`, `"offset":`, `"length":`, errDamaged.Error(), `"errno":"stale file handle"`, `"level":"ERROR"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestDamageDoesNotFloodTheLog(t *testing.T) {
	b := sample(idA)
	b.Damaged = [2]int64{0, 1 << 20}
	r := mounted(t, b)
	start := time.Now()
	output(t, "dd", "if="+r.path("backups", idA, "volume.raw"), "of=/dev/null", "bs=4096", "count=200", "iflag=direct", "conv=noerror")
	s := r.stats()
	if most := 1 + int(time.Since(start)/throttleEvery); len(s.Log) > most || s.Reads < 200 {
		t.Errorf("%d lines for %d reads", len(s.Log), s.Reads)
	}
}

func TestShortAnswersOfAVolumeAreErrors(t *testing.T) {
	b := sample(idA)
	b.ShortBy = 100
	r := mounted(t, b)
	for _, flags := range []string{"direct", ""} {
		got, err := dd(t, r.path("backups", idA, "volume.raw"), 64<<10, 0, 64<<10, flags)
		if err == nil || len(got) != 0 || !strings.Contains(err.Error(), "Input/output error") {
			t.Errorf("%q: %d bytes, %v", flags, len(got), err)
		}
	}
}

func TestVolumeThatIsNotAsListedCannotBeOpened(t *testing.T) {
	b := sample(idA)
	b.Size--
	r := mounted(t, b)
	if _, err := os.Open(r.path("backups", idA, "volume.raw")); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want EIO", err)
	}
	if log := strings.Join(r.stats().Log, "\n"); !strings.Contains(log, "cannot open the backup") {
		t.Error(log)
	}
}

// A reader that waits for bytes gets a signal. The kernel lets some readers go
// at once and makes others wait for the answer (see "Hazards" in doc.go); other
// readers must not be disturbed.
func TestInterruptedReaderLeavesTheServerWell(t *testing.T) {
	for what, c := range map[string]struct {
		hangOpen bool
		flags    string
		signal   syscall.Signal
		atOnce   bool
	}{
		"opening, SIGINT":   {true, "fullblock", syscall.SIGINT, true},
		"opening, SIGKILL":  {true, "fullblock", syscall.SIGKILL, true},
		"buffered, SIGKILL": {false, "fullblock", syscall.SIGKILL, true},
		"buffered, SIGINT":  {false, "fullblock", syscall.SIGINT, false},
		"direct, SIGINT":    {false, "direct", syscall.SIGINT, true},
		"direct, SIGKILL":   {false, "direct", syscall.SIGKILL, true},
	} {
		t.Run(what, func(t *testing.T) {
			a, b := sample(idA), sample(idB)
			a.HangOpen = c.hangOpen
			a.Hanging = [2]int64{4 << 20, 5 << 20}
			r := mounted(t, a, b)
			file := r.path("backups", idA, "volume.raw")
			cmd := exec.Command("dd", "if="+file, "of=/dev/null", "bs=64k", "skip=64", "count=1", "iflag="+c.flags)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			eventually(t, "the reader waits", func() bool { return r.stats().Waiting > 0 })
			cmd.Process.Signal(c.signal)
			go func() { ended <- cmd.Wait() }()

			if got, err := dd(t, r.path("backups", idB, "volume.raw"), 64<<10, 0, b.RealSize, c.flags); err != nil || !bytes.Equal(got, b.content()) {
				t.Errorf("another reader: %d bytes, %v", len(got), err)
			}
			if !c.atOnce {
				r.call("Release", nil, nil)
			}
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the reader went on")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the reader is stuck")
			}
			if c.hangOpen {
				eventually(t, "the wait is over", func() bool { return r.stats().Waiting == 0 })
				if s := r.stats(); s.Cancelled != 1 {
					t.Errorf("the interrupt did not arrive: %+v", s)
				}
			}
			if c.atOnce {
				r.call("Release", nil, nil)
			}
			eventually(t, "nobody waits", func() bool { return r.stats().Waiting == 0 })
			compareFile(t, file, a.content())
			if log := r.stats().Log; len(log) != 1 || log[0] != "" {
				t.Errorf("interrupts were logged: %q", log)
			}
		})
	}
}

func TestManyWaitingReadersDoNotStopOthers(t *testing.T) {
	a, b := sample(idA), sample(idB)
	a.HangOpen = true
	r := mounted(t, a, b)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			f, err := os.Open(r.path("backups", idA, "volume.raw"))
			if err != nil {
				t.Error(err)
				return
			}
			f.Close()
		})
	}
	eventually(t, "100 wait", func() bool { return r.stats().Waiting == 100 })
	compareFile(t, r.path("backups", idB, "volume.raw"), b.content())
	r.call("Release", nil, nil)
	wg.Wait()
}

func TestPanicIsAnErrorOfThatReadOnly(t *testing.T) {
	b := sample(idA)
	b.Panics = [2]int64{4 << 20, 4<<20 + 4096}
	r := mounted(t, b)
	file := r.path("backups", idA, "volume.raw")
	if _, err := dd(t, file, 4096, 4<<20, 4096, "direct"); err == nil || !strings.Contains(err.Error(), "Input/output error") {
		t.Error(err)
	}
	if got, err := dd(t, file, 4096, 0, 1<<20, "direct"); err != nil || !bytes.Equal(got, b.content()[:1<<20]) {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
	if log := strings.Join(r.stats().Log, ""); !strings.Contains(log, `"panic":"a bug"`) || !strings.Contains(log, "(*memory).Read") {
		t.Errorf("log: %s", log)
	}
}

func TestShareThatIsAwayIsAnErrorAndComesBack(t *testing.T) {
	b := sample(idA)
	r := mounted(t, b)
	away := true
	r.call("Away", &away, nil)
	for _, path := range []string{"backups", "volumes/" + volX, "backups/" + idA + "/volume.raw", "backups/" + idA + "/metadata.json"} {
		if _, err := os.ReadFile(r.path(path)); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("%s: %v, want ETIMEDOUT", path, err)
		}
	}
	if _, err := output(t, "df", r.mnt); err != nil {
		t.Error(err)
	}
	if log := r.stats().Log; len(log) != 1 || !strings.Contains(log[0], "cannot list backups") {
		t.Errorf("log: %q", log)
	}
	away = false
	r.call("Away", &away, nil)
	compareFile(t, r.path("backups", idA, "volume.raw"), b.content())
}

func TestConcurrentReaders(t *testing.T) {
	a, b := sample(idA), sample(idB)
	r := mounted(t, a, b)
	var wg sync.WaitGroup
	for i := range 12 {
		which := &a
		if i%2 == 1 {
			which = &b
		}
		flags := []string{"direct", "", "nocache"}[i%3]
		wg.Go(func() {
			got, err := dd(t, r.path("backups", which.ID, "volume.raw"), int64(4096<<(i%9)), 0, which.RealSize, flags)
			if err != nil || !bytes.Equal(got, which.content()) {
				t.Errorf("reader %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
}

// Where the holes are unknown everything is data, and copying works.
func TestEveryErrorBecomesTheErrnoOfTheTable(t *testing.T) {
	live := context.Background()
	dead, cancel := context.WithCancel(live)
	cancel()
	for what, c := range map[string]struct {
		ctx  context.Context
		err  error
		want syscall.Errno
	}{
		"no error":                            {live, nil, 0},
		"the reader was interrupted":          {dead, fmt.Errorf("wait: %w", context.Canceled), syscall.EINTR},
		"the cancellation was not his":        {live, context.Canceled, syscall.EIO},
		"damage during an interrupt":          {dead, errDamaged, syscall.EIO},
		"a deadline":                          {live, fmt.Errorf("read: %w", context.DeadlineExceeded), syscall.ETIMEDOUT},
		"a deadline of the operating system":  {live, os.ErrDeadlineExceeded, syscall.ETIMEDOUT},
		"gone":                                {live, &os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, syscall.ESTALE},
		"damage":                              {live, errDamaged, syscall.EIO},
		"a permission is not the reader's":    {live, os.ErrPermission, syscall.EIO},
		"another errno is not the reader's":   {live, syscall.ENXIO, syscall.EIO},
		"an interrupted system call of ours ": {live, syscall.EINTR, syscall.EIO},
		"no room":                             {live, &os.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}, syscall.ENOSPC},
		"another has the overlay":             {live, fmt.Errorf("open: %w", syscall.EBUSY), syscall.EBUSY},
		"room cannot be taken ahead":          {live, &os.PathError{Op: "fallocate", Path: "x", Err: syscall.EOPNOTSUPP}, syscall.EOPNOTSUPP},
	} {
		if got := errno(c.ctx, c.err, syscall.ESTALE); got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}
