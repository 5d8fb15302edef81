package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func newTestMachine(size int64, holes ...Range) *machine {
	m := newMachine(newBackup(size, rand.New(rand.NewPCG(5, 6)), holes...), 5)
	m.o.givesWay = time.Microsecond
	return m
}

func (m *machine) mustCreate(t *testing.T) *Volume {
	t.Helper()
	v, err := m.create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func mustFinish(t *testing.T, v *Volume) {
	t.Helper()
	if err := finish(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func TestADeviceWithOldBytesBecomesTheVolume(t *testing.T) {
	m := newTestMachine(3<<20+1024, Range{1 << 20, 700 << 10}, Range{2<<20 + 100, 300 << 10})
	v := m.mustCreate(t)
	mustFinish(t, v)
	if !bytes.Equal(m.dev.stable[:m.backup.Size()], m.backup.data) {
		t.Error("the device is not the volume")
	}
	p := v.Progress()
	if p.Passed != p.Data || p.Copied != p.Data || p.Lost != 0 || p.Repaired != 0 || p.Proven < p.Data {
		t.Errorf("%+v", p)
	}
	if p.Data < 2<<20 || p.Zeroed+p.Data != v.Size() {
		t.Errorf("%d bytes of data, %d zeroed, of %d", p.Data, p.Zeroed, v.Size())
	}
}

func TestAMostlyEmptyVolumeCostsItsDataOnly(t *testing.T) {
	const size = 300 << 20 // five pages of the map
	m := newTestMachine(size, Range{64 << 10, 200 << 20}, Range{201 << 20, 98 << 20})
	v := m.mustCreate(t)
	mustFinish(t, v)
	if p := v.Progress(); p.Copied != size-(200<<20)-(98<<20) {
		t.Errorf("%d bytes were copied", p.Copied)
	}
	if !bytes.Equal(m.dev.now, m.backup.data) {
		t.Error("the device is not the volume")
	}
}

func TestWhatIsNotValidIsReadFromTheBackupAndNothingIsWrittenForIt(t *testing.T) {
	m := newTestMachine(1 << 20)
	v := m.mustCreate(t)
	p := make([]byte, 100_000)
	if err := v.ReadAt(t.Context(), p, 5000, nil); err != nil || !bytes.Equal(p, m.backup.data[5000:105_000]) {
		t.Errorf("wrong bytes (%v)", err)
	}
	if m.dev.now[5000] != 0xA5 {
		t.Error("the device was written")
	}
	if start, stop, err := v.NextData(t.Context(), 0, v.Size()); err != nil || start != 0 || stop != v.Size() {
		t.Errorf("data [%d, %d), %v", start, stop, err)
	}
}

func TestDamageIsAnErrorForThoseBytesOnly(t *testing.T) {
	m := newTestMachine(4 << 20)
	const bad = 2<<20 + 40<<10 // its block of digests is 32 KiB
	m.backup.damaged = []Range{{bad, 100}}
	v := m.mustCreate(t)
	mustFinish(t, v)
	want := Range{bad / (32 << 10) * (32 << 10), 32 << 10}
	if lost := v.Lost(); len(lost) != 1 || lost[0] != want {
		t.Fatalf("lost %v, want %v", lost, want)
	}
	p := make([]byte, blockBytes)
	if err := v.ReadAt(t.Context(), p, bad, nil); !errors.Is(err, errBad) {
		t.Errorf("reading what is lost: %v", err)
	}
	if err := v.WriteAt(t.Context(), p[:512], bad); !errors.Is(err, errBad) {
		t.Errorf("writing a part of what is lost: %v", err)
	}
	if err := v.ReadAt(t.Context(), p, want.Off+want.Len, nil); err != nil {
		t.Errorf("reading what is beside it: %v", err)
	}

	// A block that the guest writes whole is not lost any more.
	if err := v.WriteAt(t.Context(), bytes.Repeat([]byte{7}, blockBytes), want.Off); err != nil {
		t.Fatal(err)
	}
	if err := v.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Advance(t.Context(), Proven); err != nil {
		t.Fatal(err)
	}
	if phase, err := v.Advance(t.Context(), HandedOver); err != nil || phase != Incomplete {
		t.Errorf("%v, %v", phase, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	left := m.dev.now[want.Off+blockBytes : want.Off+want.Len]
	if len(bytes.Trim(left, "\x00")) != 0 {
		t.Error("what is lost is not zero on the device")
	}

	// The object comes back, and the restore goes on: nothing else is touched, wherever the guest
	// wrote by itself.
	m.backup.damaged = nil
	for off := range int64(2 << 20) {
		m.dev.now[off], m.dev.stable[off] = 9, 9
	}
	again, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mustFinish(t, again)
	wantAll := bytes.Clone(m.backup.data)
	copy(wantAll, bytes.Repeat([]byte{9}, 2<<20))
	copy(wantAll[want.Off:], bytes.Repeat([]byte{7}, blockBytes))
	if !bytes.Equal(m.dev.now, wantAll) || len(again.Lost()) != 0 {
		t.Error("the device is not what the guest wrote and the backup has")
	}
}

func TestAShareThatDoesNotAnswerIsWaitedFor(t *testing.T) {
	m := newTestMachine(1 << 20)
	m.backup.setAway(io.ErrUnexpectedEOF)
	v := m.mustCreate(t)
	filled := make(chan error, 1)
	go func() { filled <- v.Fill(t.Context(), FillOptions{}) }()
	p := bytes.Repeat([]byte{3}, blockBytes)
	if err := v.WriteAt(t.Context(), p, 8192); err != nil {
		t.Errorf("a write of a whole block: %v", err)
	}
	if err := v.ReadAt(t.Context(), p, 0, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a read of what is not there: %v", err)
	}
	m.backup.setAway(nil)
	if err := <-filled; err != nil {
		t.Error(err)
	}
	if want := append(bytes.Clone(m.backup.data[:8192]), p[:0]...); !bytes.Equal(m.dev.now[:8192], want) || m.dev.now[8192] != 3 {
		t.Error("the device is not what the guest wrote and the backup has")
	}
}

func TestWaitingForAShareEndsWithTheContext(t *testing.T) {
	m := newTestMachine(1 << 20)
	m.backup.setAway(io.ErrUnexpectedEOF)
	v := m.mustCreate(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := v.Fill(ctx, FillOptions{Jobs: 2}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestADeviceThatLostABlockIsMended(t *testing.T) {
	m := newTestMachine(2 << 20)
	v := m.mustCreate(t)
	p := bytes.Repeat([]byte{8}, 700)
	if err := errors.Join(v.WriteAt(t.Context(), p, 100_000), v.Fill(t.Context(), FillOptions{})); err != nil {
		t.Fatal(err)
	}
	m.dev.now[99_000]++ // in the guest's block: nobody can know
	m.dev.now[130_000]++
	if err := v.Prove(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if p := v.Progress(); p.Repaired != blockBytes {
		t.Errorf("%d bytes were written again", p.Repaired)
	}
	if m.dev.now[130_000] != m.backup.data[130_000] || m.dev.now[99_000] != m.backup.data[99_000]+1 {
		t.Error("the wrong block was written again")
	}
}

func TestADeviceThatKeepsNothingIsTold(t *testing.T) {
	m := newTestMachine(1 << 20)
	v := m.mustCreate(t)
	if err := v.Fill(t.Context(), FillOptions{}); err != nil {
		t.Fatal(err)
	}
	m.dev.now[77]++
	m.power.fault = func(d *medium, what string) error {
		if d == m.dev && what == "write" {
			d.pending = append(d.pending, simWrite{}) // it is taken, and forgotten
			return errForget
		}
		return nil
	}
	v.dev = forgetful{simDevice{m.dev}}
	mismatch, ok := errors.AsType[*MismatchError](v.Prove(t.Context(), 1))
	if !ok || mismatch.Off != 0 || mismatch.Len != blockBytes {
		t.Errorf("%+v", mismatch)
	}
}

var errForget = errors.New("forgotten")

type forgetful struct{ simDevice }

func (d forgetful) WriteAt(p []byte, off int64) error {
	if err := d.simDevice.WriteAt(p, off); !errors.Is(err, errForget) {
		return err
	}
	return nil
}

func TestAFlushThatFailsEndsAllWriting(t *testing.T) {
	m := newTestMachine(1 << 20)
	v := m.mustCreate(t)
	p := make([]byte, blockBytes)
	if err := v.WriteAt(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	failing := true
	m.power.fault = func(d *medium, what string) error {
		if failing && d == m.dev && what == "sync" {
			return io.ErrShortWrite
		}
		return nil
	}
	if err := v.Sync(t.Context()); !errors.Is(err, ErrFailed) || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v", err)
	}
	failing = false
	if err := errors.Join(v.Sync(t.Context())); !errors.Is(err, ErrFailed) {
		t.Errorf("the next sync: %v", err)
	}
	if err := v.WriteAt(t.Context(), p, 0); !errors.Is(err, ErrFailed) {
		t.Errorf("the next write: %v", err)
	}
	if err := v.Fill(t.Context(), FillOptions{}); !errors.Is(err, ErrFailed) {
		t.Errorf("copying: %v", err)
	}
}

// A write that the device refuses may be there in part: where the backup has a hole nothing else
// would overwrite that.
func TestAHoleIsZeroAfterAWriteIntoItThatFailed(t *testing.T) {
	m := newTestMachine(3<<20, Range{1 << 20, 1 << 20})
	m.o.flushEvery = time.Hour
	v := m.mustCreate(t)
	if v.Written() {
		t.Error("written at once")
	}
	refused := func() {
		t.Helper()
		const off = 3 << 19
		m.power.fault = func(d *medium, what string) error {
			if d == m.dev && what == "write" {
				m.dev.now[off] = 7
				return io.ErrShortWrite
			}
			return nil
		}
		p := make([]byte, blockBytes)
		if err := v.WriteAt(t.Context(), p, off); !errors.Is(err, io.ErrShortWrite) || !v.Written() {
			t.Errorf("writing: %v", err)
		}
		m.power.fault = nil
		if err := v.ReadAt(t.Context(), p, off, nil); err != nil || p[0] != 0 {
			t.Errorf("reading: %d, %v", p[0], err)
		}
	}
	if err := v.Fill(t.Context(), FillOptions{}); err != nil {
		t.Fatal(err)
	}
	refused()
	if err := v.Fill(t.Context(), FillOptions{}); err != nil || !bytes.Equal(m.dev.now, m.backup.data) {
		t.Errorf("filled again: %v, or the device is not the volume", err)
	}
	if _, err := v.Advance(t.Context(), Filled); err != nil {
		t.Fatal(err)
	}
	refused()
	if phase, err := v.Advance(t.Context(), Proven); err == nil || phase != Proving {
		t.Errorf("%v, %v", phase, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mustFinish(t, again)
	if !bytes.Equal(m.dev.now, m.backup.data) {
		t.Error("the device is not the volume")
	}
}

// The kernel tells once that it could not write: whoever hears it first, the guest has to.
func TestAFlushThatFailsWhileABlockIsMendedIsTheGuestsToo(t *testing.T) {
	m := newTestMachine(2 << 20)
	m.o.flushEvery = time.Hour
	v := m.mustCreate(t)
	if err := v.Fill(t.Context(), FillOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Advance(t.Context(), Filled); err != nil {
		t.Fatal(err)
	}
	if err := v.WriteAt(t.Context(), make([]byte, blockBytes), 0); err != nil {
		t.Fatal(err)
	}
	m.dev.now[3<<19]++
	told := false
	m.power.fault = func(d *medium, what string) error {
		if d == m.dev && what == "sync" && !told {
			told = true
			return io.ErrShortWrite
		}
		return nil
	}
	if err := v.Prove(t.Context(), 1); !errors.Is(err, ErrFailed) || !told {
		t.Errorf("proving: %v", err)
	}
	if err := v.Sync(t.Context()); !errors.Is(err, ErrFailed) || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("the guest's sync: %v", err)
	}
}

func TestAMapThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	m := newTestMachine(1 << 20)
	m.o.flushEvery = time.Hour
	v := m.mustCreate(t)
	p := bytes.Repeat([]byte{4}, blockBytes)
	if err := v.WriteAt(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	failing := true
	m.power.fault = func(d *medium, what string) error {
		if failing && d == m.state {
			return io.ErrShortWrite
		}
		return nil
	}
	if err := v.Sync(t.Context()); !errors.Is(err, io.ErrShortWrite) || errors.Is(err, ErrFailed) {
		t.Errorf("%v", err)
	}
	failing = false
	if err := v.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	abandon(v)
	m.power.restart(m.dev, m.state)
	again, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer abandon(again)
	if err := again.ReadAt(t.Context(), p, 0, nil); err != nil || p[0] != 4 {
		t.Errorf("what was synced is not there: %d, %v", p[0], err)
	}
}

func TestAnotherBackupOrDeviceIsRefused(t *testing.T) {
	m := newTestMachine(1 << 20)
	if err := m.mustCreate(t).Close(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(k *Key){
		"backup":         func(k *Key) { k.Backup = "b2" },
		"contents":       func(k *Key) { k.Content[0]++ },
		"device":         func(k *Key) { k.Device = "wwid 2" },
		"size of device": func(k *Key) { k.DeviceSize += 512 },
	} {
		other := *m
		change(&other.key)
		if _, err := other.open(); !errors.Is(err, ErrOther) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	v, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	abandon(v)
}

func TestAStateFileIsForOneProcess(t *testing.T) {
	m := newTestMachine(1 << 20)
	path := filepath.Join(t.TempDir(), "state")
	key := m.key
	if _, err := Open(path, key, m.backup, m.backup, simDevice{m.dev}, m.o); !errors.Is(err, ErrNone) {
		t.Errorf("no file: %v", err)
	}
	v, err := Create(path, key, Names{Device: "/dev/vdb", Mapper: "n1"}, m.backup, m.backup, simDevice{m.dev}, m.o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, key, m.backup, m.backup, simDevice{m.dev}, m.o); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
	if err := errors.Join(v.WriteAt(t.Context(), make([]byte, 3*blockBytes), blockBytes), v.Sync(t.Context())); err != nil {
		t.Fatal(err)
	}
	s, err := Inspect(path)
	if err != nil || !s.Running || s.Guest != 3*blockBytes || s.Valid != 3*blockBytes || s.Phase != Filling ||
		s.Mapper != "n1" || s.Backup != key.Backup {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrInUse) {
		t.Errorf("locking it: %v", err)
	}
	other, err := Create(path+"2", key, Names{}, m.backup, m.backup, simDevice{m.dev}, m.o)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if len(s.ID) != 32 || s.ID != v.ID() || s.ID == other.ID() {
		t.Errorf("restores of one backup: %q, %q, %q", s.ID, v.ID(), other.ID())
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Inspect(path); err != nil || s.Running {
		t.Errorf("closed: %+v, %v", s, err)
	}
	release, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, key, m.backup, m.backup, simDevice{m.dev}, m.o); !errors.Is(err, ErrInUse) {
		t.Errorf("going on while it is locked: %v", err)
	}
	release()
	if _, err := Create(path, key, Names{}, m.backup, m.backup, simDevice{m.dev}, m.o); err == nil {
		t.Error("it was begun anew over one that was begun")
	}
	if err := os.Truncate(path, 20000); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut off: %v", err)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
	if _, err := Inspect(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}
