package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// incremental makes a share with a backup of two layers, and returns what its volume begins with;
// the rest is zero.
func incremental(t *testing.T, size int64) (share, id string, want []byte) {
	t.Helper()
	share = t.TempDir()
	old := storetest.Disk(size, 1)
	full := storetest.MustWrite(t, share, storetest.Spec{
		ID: storetest.ID("two layers 1"), VolumeID: storetest.ID("two layers"), Content: old,
		FileSize: 4 << 20,
	})
	now := storetest.Overlay(old, storetest.Disk(size, 2),
		storetest.Extent{Offset: size / 4, Length: size / 4})
	made := storetest.MustWrite(t, share, storetest.Spec{
		ID: storetest.ID("two layers 2"), VolumeID: storetest.ID("two layers"), ParentID: full.ID,
		Parent: old, Content: now,
		FileSize: 4 << 20, Compression: "zstd", Created: time.Date(2026, 2, 2, 12, 0, 0, 0,
			time.UTC),
	})
	want = make([]byte, size)
	if _, err := now.ReadAt(want, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return share, made.ID, want
}

// wrongBytes returns the total size of the blocks of path that differ from want. A file that is
// missing or too short counts as zeros there.
func wrongBytes(t *testing.T, want []byte, path string) (wrong int64) {
	t.Helper()
	got := make([]byte, len(want))
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		_, err = io.ReadFull(f, got)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
		!errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	const block = 32 << 10
	for off := 0; off < len(want); off += block {
		if end := min(off+block, len(want)); !bytes.Equal(want[off:end], got[off:end]) {
			wrong += int64(end - off)
		}
	}
	return wrong
}

// soaking returns how often a run is killed, and the size of what it restores. make soak does more.
func soaking(usual int) (rounds int, size int64) {
	if n, err := strconv.Atoi(os.Getenv("RESTOREFS_SOAK")); err == nil {
		return n, 128 << 20
	}
	return usual, 24 << 20
}

func TestAKilledRestoreToAFileIsContinued(t *testing.T) {
	firstPass(t)
	rounds, size := soaking(4)
	share, id, want := incremental(t, size)
	whole := wholeRun(t, share, id)
	dir := t.TempDir()
	inside := 0
	defer func() { hitInside(t, inside, rounds) }()
	for round := range rounds {
		target := filepath.Join(dir, strconv.Itoa(round))
		var before []byte
		if round%2 == 1 { // the target held something
			before = bytes.Repeat([]byte("before"), len(want)/6)
			if err := os.WriteFile(target, before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if killAndContinue(t, killed{share: share, id: id, whole: whole, target: target,
			backing: target, want: want, before: before}) {
			inside++
		}
		os.Remove(target)
	}
}

func TestAKilledRestoreToADeviceIsContinued(t *testing.T) {
	firstPass(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root for loop devices")
	}
	need(t, "losetup", "blockdev")
	rounds, size := soaking(2)
	share, id, want := incremental(t, size)
	whole := wholeRun(t, share, id)
	inside := 0
	defer func() { hitInside(t, inside, rounds) }()
	for round := range rounds {
		backing := filepath.Join(t.TempDir(), "backing")
		var before []byte
		if round%2 == 1 {
			before = bytes.Repeat([]byte("before"), len(want)/6)
		}
		if err := os.WriteFile(backing, before, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(backing, 1<<30); err != nil {
			t.Fatal(err)
		}
		func() {
			loop := strings.TrimSpace(run(t, "losetup", "-f", "--show", backing))
			defer run(t, "losetup", "-d", loop)
			if killAndContinue(t, killed{share: share, id: id, whole: whole, target: loop,
				backing: backing, want: want, before: before}) {
				inside++
			}
		}()
		os.Remove(backing)
	}
}

// killed is a restore that will be killed.
type killed struct {
	share, id, target string
	backing           string // where the target's bytes can be read
	want, before      []byte
	all               int64         // bytes of blocks that are wrong before the first run
	whole             time.Duration // time of a run
}

// wholeRun measures a run that is not killed.
func wholeRun(t *testing.T, share, id string) time.Duration {
	t.Helper()
	start := time.Now()
	if _, stderr, code := restorefs(t, "materialize", "--share", share, id,
		filepath.Join(t.TempDir(), "disk")); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	return time.Since(start)
}

// killAndContinue kills a run at some moment and lets a second one continue, which must write no
// more than what was missing. It reports whether the first one had written a part of the target.
func killAndContinue(t *testing.T, k killed) (inside bool) {
	t.Helper()
	cache := t.TempDir()
	k.all = wrongBytes(t, k.want, k.backing)
	args := []string{"materialize", "--yes", "--json", "--share", k.share, "--cache-dir", cache,
		k.id, k.target}
	first := program(t, append(args, "--force")...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.Duration(rand.Int64N(int64(k.whole)))
	time.Sleep(moment)
	first.Process.Kill()
	finished := first.Wait() == nil
	if k.target != k.backing {
		run(t, "blockdev", "--flushbufs", k.target)
	}
	missing := wrongBytes(t, k.want, k.backing)
	inside = !finished && missing > 0 && missing < k.all
	second := args
	if finished { // before it was killed, so nothing may be left to do
		if missing > 0 {
			t.Fatalf("the first run reported success with %d wrong bytes", missing)
		}
		second = append(args, "--force", "--delta")
	}
	stdout, stderr, code := restorefs(t, second...)
	if code == exitcode.Refused && !finished {
		// Killed before it had noted its start, or after it was done.
		if missing > 0 && !untouched(t, k) {
			t.Fatalf("killed after %v: not continued, with %d bytes missing: %s", moment, missing,
				stderr)
		}
		stdout, stderr, code = restorefs(t, append(args, "--force", "--delta")...)
	}
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 {
		t.Fatalf("killed after %v, continued: exit %d, %v: %s", moment, code, err, stderr)
	}
	if result.BytesWritten > missing {
		t.Errorf("killed after %v: %d bytes were missing, %d were written", moment, missing,
			result.BytesWritten)
	}
	if wrong := wrongBytes(t, k.want, k.backing); wrong > 0 {
		t.Fatalf("killed after %v: %d bytes are wrong at the end", moment, wrong)
	}
	f, err := os.Open(k.backing)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); size != 1<<30 || err != nil {
		t.Errorf("%d bytes long, %v", size, err)
	}
	t.Logf("killed after %v: %d of %d KiB were missing, %d were written", moment, missing>>10,
		len(k.want)>>10, result.BytesWritten>>10)
	return inside
}

// hitInside checks that a long series of kills was worth something: enough of them must have come
// while data was being written.
func hitInside(t *testing.T, inside, rounds int) {
	t.Helper()
	t.Logf("%d of %d kills came while data was being written", inside, rounds)
	if rounds >= 20 && inside < rounds/4 {
		t.Errorf("only %d of %d kills came while data was being written", inside, rounds)
	}
}

// untouched reports whether the target holds what it held before.
func untouched(t *testing.T, k killed) bool {
	t.Helper()
	return k.before != nil && wrongBytes(t, k.before, k.backing) == 0
}
