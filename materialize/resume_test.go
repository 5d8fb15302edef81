package materialize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
)

const (
	helperTarget = "MATERIALIZE_TEST_TARGET"
	helperState  = "MATERIALIZE_TEST_STATE"
	killSize     = 8<<20 + 300
)

// TestMain is also the helper process that the kill test kills, which restores
// a volume slowly.
func TestMain(m *testing.M) {
	target := os.Getenv(helperTarget)
	if target == "" {
		os.Exit(leaktest.Run(m))
	}
	vol := newFakeVolume(killSize, 11)
	vol.delay = 2 * time.Millisecond
	ctx := context.Background()
	tg, err := Open(ctx, target, OpenOptions{Size: vol.Size(), Backup: "b11", StateDir: os.Getenv(helperState)})
	if err == nil {
		fmt.Println("ready")
		_, err = Run(ctx, vol, tg, Options{MemoryBytes: 1 << 20})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func resumed(t *testing.T, vol *fakeVolume, path string, o OpenOptions) Result {
	t.Helper()
	o.Size = vol.Size()
	tg, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	res, err := Run(t.Context(), vol, tg, Options{VerifyAfter: true})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Verified || res.BytesSkipped+res.BytesWritten+res.BytesZeroed != res.Size {
		t.Fatalf("%+v", res)
	}
	return res
}

func TestARunThatWasKilledIsContinued(t *testing.T) {
	vol := newFakeVolume(killSize, 11)
	for _, kind := range []string{"file", "device"} {
		t.Run(kind, func(t *testing.T) {
			var dev, file string
			if kind == "device" {
				dev, file = newLoop(t, 9<<20)
			}
			state := tempDir(t)
			continued := 0
			for round := range 6 {
				path := filepath.Join(tempDir(t), "target")
				if kind == "device" {
					path = dev
					tool(t, "blkdiscard", "-z", dev)
				}
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), helperTarget+"="+path, helperState+"="+state)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				out.Read(make([]byte, 5)) // "ready"
				time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
				cmd.Process.Kill()
				cmd.Wait()

				missing := differing(t, vol, path)
				note := path + markerSuffix
				if kind == "device" {
					// Not the file that a note is written to before it has its name.
					notes, _ := filepath.Glob(filepath.Join(state, "*"+markerSuffix))
					note = strings.Join(append(notes, ""), "")
				}
				if _, err := os.Stat(note); err == nil {
					continued++
				} else if missing == 0 {
					t.Logf("round %d: it had finished", round)
					if kind == "file" {
						os.Remove(path)
					}
					continue
				}
				res := resumed(t, vol, path, OpenOptions{Backup: "b11", StateDir: state})
				if res.BytesWritten+res.BytesZeroed > missing {
					t.Errorf("round %d: %+v, but only %d bytes were missing", round, res, missing)
				}
				if kind == "device" {
					checkFile(t, file, vol)
				} else {
					checkFile(t, path, vol)
				}
				if _, err := os.Stat(note); err == nil {
					t.Errorf("the note %s is left", note)
				}
			}
			t.Logf("%d of 6 continued", continued)
		})
	}
}

// differing returns the number of bytes in blocks of path that differ from vol.
// For a target that is still blank that is the whole volume, as zeros then
// count as written.
func differing(t *testing.T, vol *fakeVolume, path string) int64 {
	t.Helper()
	p, _ := os.ReadFile(path)
	if allZero(p) {
		return vol.Size()
	}
	p = append(p, make([]byte, max(0, len(vol.data)-len(p)))...)
	var n int64
	for off := 0; off < len(vol.data); off += testBlock {
		end := min(off+testBlock, len(vol.data))
		if !bytes.Equal(p[off:end], vol.data[off:end]) {
			n += int64(end - off)
		}
	}
	return n
}

// interrupt cancels a run when about half of vol has been read.
func interrupt(t *testing.T, vol *fakeVolume, path string, o OpenOptions) Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	vol.fail = func(off, n int64) error {
		if off > vol.Size()/2 {
			cancel()
		}
		return nil
	}
	defer func() { vol.fail = nil }()
	o.Size = vol.Size()
	tg, err := Open(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	res, err := Run(ctx, vol, tg, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return res
}

func TestACancelledRunIsContinued(t *testing.T) {
	vol := newFakeVolume(20<<20, 12)
	path := filepath.Join(tempDir(t), "f")
	first := interrupt(t, vol, path, OpenOptions{Backup: "b"})
	missing := differing(t, vol, path)
	if missing == 0 || missing > vol.Size()-first.BytesWritten {
		t.Fatalf("%d missing after %+v", missing, first)
	}
	plan, err := Plan(t.Context(), vol, path, OpenOptions{Backup: "b"}, Options{})
	if err != nil || !plan.Continues || !plan.Exact || plan.WriteBytes+plan.ZeroBytes != missing || plan.SkipBytes != vol.Size()-missing {
		t.Fatalf("%+v %v, %d missing", plan, err, missing)
	}

	// A run of another backup, or without a backup's id, does not continue it.
	refusal(t, path, vol.Size(), ReasonContent, "")
	_, err = Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "c"})
	if err == nil || !strings.Contains(err.Error(), "unfinished restore of backup b") {
		t.Fatal(err)
	}

	vol.read.Store(0)
	res := resumed(t, vol, path, OpenOptions{Backup: "b"})
	if res.BytesWritten != missing || vol.read.Load() != missing {
		t.Fatalf("%+v, read %d; %d were missing", res, vol.read.Load(), missing)
	}
	checkFile(t, path, vol)
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if len(left) != 1 {
		t.Fatal(left)
	}
	refusal(t, path, vol.Size(), ReasonContent, "")
}

func TestAnUnfinishedTargetThatSomethingElseWroteIsRefused(t *testing.T) {
	for _, dirty := range []bool{false, true} {
		vol := newFakeVolume(20<<20, 12)
		fill(vol.data[:1<<20], rand.New(rand.NewPCG(1, 2)))
		vol.digest()
		path := filepath.Join(tempDir(t), "f")
		if dirty {
			garbage(t, path, 20<<20)
		}
		interrupt(t, vol, path, OpenOptions{Backup: "b", Force: dirty})
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		// A killed run may leave a torn page, half of it as before.
		f.WriteAt(make([]byte, 4096), 8192)
		f.Close()
		tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b"})
		if err != nil || !tg.Continues() {
			t.Fatal(err)
		}
		tg.Close()

		f, _ = os.OpenFile(path, os.O_RDWR, 0)
		f.WriteAt([]byte("a new filesystem"), 1080)
		f.Close()
		before, _ := os.ReadFile(path)
		for _, force := range []bool{false, true} {
			tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b", Force: force})
			if err != nil {
				t.Fatal(err)
			}
			_, err = Run(t.Context(), vol, tg, Options{})
			tg.Close()
			if force {
				if err != nil {
					t.Fatal(err)
				}
				checkFile(t, path, vol)
				continue
			}
			if _, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(err.Error(), "written by something else, near offset ") {
				t.Fatal(err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Fatal("written although refused")
			}
		}
	}
}

func TestDeltaWritesOnlyWhatDiffers(t *testing.T) {
	old := newFakeVolume(20<<20+555, 13)
	vol := newFakeVolume(20<<20+555, 13)
	clear(vol.data[5<<20 : 6<<20])
	fill(vol.data[9<<20:9<<20+10], rand.New(rand.NewPCG(5, 5)))
	fill(vol.data[20<<20:], rand.New(rand.NewPCG(5, 6)))
	vol.digest()
	for _, kind := range []string{"file", "device", "file without digests"} {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "f")
			if kind == "device" {
				path, _ = newLoop(t, 21<<20)
			}
			mustRun(t, old, path, false, Options{})
			missing := differing(t, vol, path)
			v := &fakeVolume{data: vol.data, digests: vol.digests, run: vol.Size()}
			if kind == "file without digests" {
				v.digests = nil
			}
			plan, err := Plan(t.Context(), v, path, OpenOptions{Force: true}, Options{Delta: true})
			if err != nil || plan.WriteBytes+plan.ZeroBytes != missing {
				t.Fatalf("%+v %v", plan, err)
			}
			for _, want := range []int64{missing, 0} {
				res := mustRun(t, v, path, true, Options{Delta: true})
				if res.BytesWritten+res.BytesZeroed != want {
					t.Fatalf("%+v, %d bytes differed", res, want)
				}
				checkFile(t, path, v)
			}
		})
	}
}

func TestADeltaOntoGarbageIsRight(t *testing.T) {
	for _, size := range []int64{3<<20 + 999, 12<<20 + 1} {
		vol := newFakeVolume(size, 14)
		path := filepath.Join(tempDir(t), "f")
		garbage(t, path, int(size/2))
		res := mustRun(t, vol, path, true, Options{Delta: true, Jobs: 3})
		if res.BytesSkipped == 0 {
			t.Errorf("%+v", res)
		}
		checkFile(t, path, vol)
	}
}
