package materialize

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// runOnto opens a target and runs, as a command does.
func runOnto(t *testing.T, vol Source, path string, force bool, o Options) (Result, error) {
	t.Helper()
	tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Force: force})
	if err != nil {
		return Result{}, err
	}
	defer tg.Close()
	return Run(t.Context(), vol, tg, o)
}

func mustRun(t *testing.T, vol Source, path string, force bool, o Options) Result {
	t.Helper()
	res, err := runOnto(t, vol, path, force, o)
	if err != nil {
		t.Fatal(err)
	}
	if sum := res.BytesWritten + res.BytesZeroed + res.BytesSkipped; sum != res.Size || res.Size != vol.Size() {
		t.Fatalf("%+v does not add up", res)
	}
	return res
}

func checkFile(t *testing.T, path string, vol *fakeVolume) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := vol.equal(got[:min(len(got), len(vol.data))]); err != nil {
		t.Fatal(err)
	}
}

// garbage writes a file of n bytes that are not zero.
func garbage(t *testing.T, path string, n int) {
	t.Helper()
	p := make([]byte, n)
	fill(p, rand.New(rand.NewPCG(1, uint64(n))))
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dirs returns directories on different file systems.
func dirs(t *testing.T) map[string]string {
	return map[string]string{"disk": t.TempDir(), "memory": tempDir(t)}
}

func TestRunOntoAFile(t *testing.T) {
	for fsname, dir := range dirs(t) {
		for _, c := range []struct {
			name string
			size int64
			o    Options
			prep func(t *testing.T, path string)
		}{
			{"a new file", 7 << 20, Options{}, nil},
			{"an odd size", 5<<20 + 12345, Options{}, nil},
			{"less than a block", 17, Options{}, nil},
			{"an empty volume", 0, Options{}, nil},
			{"one job and little memory", 5 << 20, Options{Jobs: 1, MemoryBytes: 1}, nil},
			{"many jobs", 8 << 20, Options{Jobs: 9, MemoryBytes: 3 << 20}, nil},
			{"an existing file full of other bytes", 5<<20 + 77, Options{}, func(t *testing.T, p string) { garbage(t, p, 5<<20+77) }},
			{"a shorter file", 5 << 20, Options{}, func(t *testing.T, p string) { garbage(t, p, 3<<20+1) }},
		} {
			t.Run(fsname+"/"+c.name, func(t *testing.T) {
				vol := newFakeVolume(c.size, 3)
				for _, digests := range []bool{true, false} {
					path := filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_")+map[bool]string{true: "1", false: "0"}[digests])
					if c.prep != nil {
						c.prep(t, path)
					}
					if !digests {
						vol.digests = nil
					}
					mustRun(t, vol, path, c.prep != nil, c.o)
					checkFile(t, path, vol)
					st, err := os.Stat(path)
					if err != nil || st.Size() != c.size || st.Mode().Perm() != 0o600 {
						t.Fatalf("%v %v", st, err)
					}
				}
			})
		}
	}
}

func TestANewFileIsSparse(t *testing.T) {
	for fsname, dir := range dirs(t) {
		for _, digests := range []bool{true, false} {
			vol := newFakeVolume(16<<20, 5)
			clear(vol.data[1<<20 : 13<<20])
			vol.digest()
			if !digests {
				vol.digests = nil
			}
			path := filepath.Join(dir, "sparse")
			res := mustRun(t, vol, path, false, Options{})
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil {
				t.Fatal(err)
			}
			if res.BytesZeroed < 12<<20 || st.Blocks*512 > 4<<20 {
				t.Errorf("%s, digests %v: %+v, %d bytes allocated", fsname, digests, res, st.Blocks*512)
			}
			os.Remove(path)
		}
	}
}

func TestALargerFileKeepsItsTail(t *testing.T) {
	path := filepath.Join(tempDir(t), "larger")
	garbage(t, path, 4<<20)
	before, _ := os.ReadFile(path)
	vol := newFakeVolume(3<<20+100, 9)
	mustRun(t, vol, path, true, Options{})
	checkFile(t, path, vol)
	after, _ := os.ReadFile(path)
	if !bytes.Equal(before[3<<20+100:], after[3<<20+100:]) {
		t.Fatal("the tail changed")
	}
}

func TestTheFirstErrorStopsARunAndNamesItsPlace(t *testing.T) {
	vol := newFakeVolume(30<<20, 4)
	damaged := errors.New("object is damaged")
	vol.fail = func(off, n int64) error {
		if off <= 17<<20 && off+n > 17<<20 {
			return damaged
		}
		return nil
	}
	for i := range vol.block(17 << 20) {
		vol.block(17 << 20)[i] = 1
	}
	vol.digest()
	path := filepath.Join(tempDir(t), "f")
	_, err := runOnto(t, vol, path, false, Options{})
	if !errors.Is(err, damaged) || !strings.Contains(err.Error(), "of the backup at offset 17825792") {
		t.Fatal(err)
	}
	// The target's bytes are right or still zero, and a second run writes the rest.
	vol.fail = nil
	mustRun(t, vol, path, true, Options{})
	checkFile(t, path, vol)
}

func TestACancelledRunSaysThatWhatItWroteIsSafe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	vol := newFakeVolume(30<<20, 4)
	vol.fail = func(off, n int64) error {
		if off > 10<<20 {
			cancel()
		}
		return nil
	}
	path := filepath.Join(tempDir(t), "f")
	tg, err := Open(ctx, path, OpenOptions{Size: vol.Size()})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	res, err := Run(ctx, vol, tg, Options{Jobs: 2})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "what was written is safe") {
		t.Fatal(err)
	}
	if res.BytesWritten == 0 || res.BytesWritten+res.BytesZeroed >= res.Size {
		t.Fatalf("%+v", res)
	}
}

func TestARunFailsIfItsTargetIsReplacedOrShortened(t *testing.T) {
	for name, away := range map[string]func(path string) error{
		"removed":   os.Remove,
		"shortened": func(path string) error { return os.Truncate(path, 5) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".other", nil, 0o600), os.Rename(path+".other", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "f")
			vol := newFakeVolume(4<<20, 71)
			clear(vol.data[2<<20:])
			vol.digest()
			var once sync.Once
			vol.fail = func(int64, int64) (err error) {
				once.Do(func() { err = away(path) })
				return err
			}
			vol.run = 1 << 20
			_, err := runOnto(t, vol, path, false, Options{Jobs: 1})
			if _, ok := errors.AsType[*TargetError](err); !ok || !strings.Contains(err.Error(), path) {
				t.Fatal(err)
			}
		})
	}
}

// inLargeBlocks is a volume with digest blocks of 8 MiB.
type inLargeBlocks struct{ *fakeVolume }

func (inLargeBlocks) Align() int { return 8 << 20 }

func TestBlocksThatNeedMoreMemoryThanThereIsAreRefused(t *testing.T) {
	if _, err := newPipeline(inLargeBlocks{&fakeVolume{}}, &Target{}, Options{MemoryBytes: 32<<20 - 1, MemoryFor: func(n int64) int64 { return 2 * n }}); err == nil || !strings.Contains(err.Error(), "--memory 64MiB") {
		t.Errorf("got %v", err)
	}
	if _, err := newPipeline(inLargeBlocks{&fakeVolume{}}, &Target{}, Options{MemoryBytes: 32 << 20}); err != nil {
		t.Error(err)
	}
}
