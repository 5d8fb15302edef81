package materialize

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestCompareFindsEachDifference(t *testing.T) {
	vol := newFakeVolume(20<<20+555, 21)
	clear(vol.data[4<<20 : 5<<20])
	vol.digest()
	places := map[string]string{"device": ""}
	for k, v := range dirs(t) {
		places[k] = v
	}
	for kind, dir := range places {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(dir, "f")
			if kind == "device" {
				path, _ = newLoop(t, 20<<20+1024)
			}
			mustRun(t, vol, path, false, Options{VerifyAfter: true})
			for _, digests := range []bool{true, false} {
				v := &fakeVolume{data: vol.data, run: vol.run}
				if digests {
					v.digests = vol.digests
				}
				var p Progress
				c, err := Compare(t.Context(), v, path, Options{Progress: &p})
				if err != nil || !c.Equal() || len(c.Differing) > 0 || p.Counts().Done != v.Size() {
					t.Fatalf("%+v %v %+v", c, err, p.Counts())
				}
				if digests && v.read.Load() != 0 {
					t.Fatal("the backup's data was read")
				}
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			flip := func(off int64) {
				p := make([]byte, 1)
				f.ReadAt(p, off)
				p[0] ^= 1
				f.WriteAt(p, off)
			}
			for _, off := range []int64{0, 4<<20 + 1, 9<<20 - 1, 9 << 20, 20<<20 + 554} {
				flip(off)
			}
			f.Close()
			want := []Range{{Off: 0, Len: testBlock}, {Off: 4 << 20, Len: testBlock}, {Off: 9<<20 - testBlock, Len: 2 * testBlock}, {Off: 20 << 20, Len: 555}}
			c, err := Compare(t.Context(), vol, path, Options{})
			if err != nil || !slices.Equal(c.Differing, want) || c.DifferingBytes != 4*testBlock+555 {
				t.Fatalf("%+v %v", c, err)
			}
		})
	}
}

// rechecked is a volume that damages its target once that is flushed and about
// to be read back.
type rechecked struct {
	*fakeVolume
	progress *Progress
	lose     func()
	once     sync.Once
}

func (v *rechecked) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	if v.progress.Counts().Stage == StageVerifying {
		v.once.Do(v.lose)
	}
	return v.fakeVolume.NextData(ctx, off, end)
}

func TestARunFailsIfItsTargetDoesNotReadBackAsWritten(t *testing.T) {
	vol, state := newFakeVolume(8<<20, 24), tempDir(t)
	fill(vol.data[5<<20:6<<20], rand.New(rand.NewPCG(1, 2)))
	vol.digest()
	dev, file := newLoop(t, vol.Size())
	v := &rechecked{fakeVolume: vol, progress: new(Progress), lose: func() {
		// The page cache still has the bytes as they were written.
		f, err := os.Open(dev)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { f.Close() })
		_, err = io.Copy(io.Discard, f)
		backing, openErr := os.OpenFile(file, os.O_WRONLY, 0)
		if err = errors.Join(err, openErr); err == nil {
			_, err = backing.WriteAt(make([]byte, 512), 5<<20)
			backing.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}}
	tg, err := Open(t.Context(), dev, OpenOptions{Size: vol.Size(), Backup: "b", StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	res, err := Run(t.Context(), v, tg, Options{Jobs: 1, VerifyAfter: true, Progress: v.progress})
	wrong, ok := errors.AsType[*MismatchError](err)
	if !ok || res.Verified || !slices.Equal(wrong.Comparison.Differing, []Range{{Off: 5 << 20, Len: testBlock}}) || !strings.Contains(err.Error(), "do not use it") {
		t.Fatalf("%+v %v", res, err)
	}
	if _, err := os.Stat(tg.Marker()); err != nil {
		t.Errorf("nothing says that it is not whole: %v", err)
	}
}

func TestATargetThatIsTooShortDiffers(t *testing.T) {
	vol := newFakeVolume(1<<20, 22)
	clear(vol.data[1<<19:])
	vol.digest()
	path := filepath.Join(tempDir(t), "f")
	os.WriteFile(path, vol.data[:1<<19], 0o600)
	c, err := Compare(t.Context(), vol, path, Options{})
	if err != nil || !slices.Equal(c.Differing, []Range{{Off: 1 << 19, Len: 1 << 19}}) {
		t.Fatalf("%+v %v", c, err)
	}
	if _, err := Compare(t.Context(), vol, tempDir(t), Options{}); err == nil {
		t.Fatal("a directory was compared")
	}
}

func TestPlanWritesNothing(t *testing.T) {
	vol := newFakeVolume(5<<20, 23)
	dir := tempDir(t)
	path := filepath.Join(dir, "f")
	plan, err := Plan(t.Context(), vol, path, OpenOptions{Backup: "b"}, Options{})
	if err != nil || plan.Refused != nil || !plan.Exact || plan.WriteBytes != plan.DataBytes || plan.WriteBytes+plan.ZeroBytes != vol.Size() {
		t.Fatalf("%+v %v", plan, err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Fatal(left)
	}
	garbage(t, path, 100)
	plan, err = Plan(t.Context(), vol, path, OpenOptions{}, Options{})
	if err != nil || plan.Refused == nil || len(plan.Refused.Reasons) != 1 {
		t.Fatalf("%+v %v", plan, err)
	}
	if vol.read.Load() != 0 {
		t.Fatal("the backup's data was read")
	}
}
