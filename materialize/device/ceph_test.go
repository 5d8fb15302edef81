package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeRBD puts a program rbd into PATH that records its arguments and then runs
// the script. calls returns what it recorded.
func fakeRBD(t *testing.T, script string) (calls func() string) {
	t.Helper()
	dir := t.TempDir()
	notes := filepath.Join(dir, "calls")
	program := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> %s\n%s\n", notes, script)
	if err := os.WriteFile(filepath.Join(dir, "rbd"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		text, _ := os.ReadFile(notes)
		return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "; ")
	}
}

const image = "fast/volume-" + testID

func TestAnImageIsMappedAndUnmapped(t *testing.T) {
	device := loopDevice(t, 2<<30)
	calls := fakeRBD(t, `case $1 in status) echo '{"watchers":[]}';; map) echo `+device+`;; esac`)
	c := &Ceph{Pool: "fast", Wait: time.Minute}
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := c.Find(t.Context(), volumeOf(2))
	if err != nil || d.Path != device || d.File || d.Lasting {
		t.Fatal(d, err)
	}
	if err := d.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if got, want := calls(), fmt.Sprintf("status --format json %s; map %s; unmap %s", image, image, device); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAnImageThatIsNotTheVolumeIsUnmappedAgain(t *testing.T) {
	device := loopDevice(t, 1<<20)
	calls := fakeRBD(t, `case $1 in status) echo '{"watchers":[]}';; map) echo `+device+`;; esac`)
	_, err := (&Ceph{Pool: "fast", Wait: time.Minute}).Find(t.Context(), volumeOf(2))
	if _, ok := errors.AsType[*WrongError](err); !ok || !strings.HasSuffix(calls(), "unmap "+device) {
		t.Error(err, calls())
	}
}

func TestErrorsOfRbdArePassedOn(t *testing.T) {
	for script, want := range map[string]string{
		`echo "rbd: error opening image: (2) No such file or directory" >&2; exit 2`:                        "No such file or directory",
		`case $1 in status) echo '{}';; map) echo "rbd: sysfs write failed" >&2; exit 6;; esac`:             "rbd map " + image + ": exit status 6: rbd: sysfs write failed",
		`case $1 in status) echo '{}';; map) echo "a warning";; esac`:                                       "named no device",
		`case $1 in status) echo '{"watchers":[{"address":"10.0.0.3:0/77","client":1,"cookie":2}]}';; esac`: "open elsewhere, by 10.0.0.3:0/77",
		`echo none`: "cannot be understood",
	} {
		calls := fakeRBD(t, script)
		wait := time.Minute
		if strings.Contains(script, "watchers") { // that would end, so it is waited for
			wait = 3 * time.Second
		}
		_, err := (&Ceph{Pool: "fast", Wait: wait}).Find(t.Context(), volumeOf(2))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(calls(), "unmap") {
			t.Errorf("%s: %v; %s", script, err, calls())
		}
	}
	t.Setenv("PATH", "")
	if err := (&Ceph{}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "ceph-common") {
		t.Error(err)
	}
}

func TestAMapThatIsInterruptedIsUndone(t *testing.T) {
	calls := fakeRBD(t, `case $1 in status) echo '{}';; map) exec sleep 60;; esac`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for !strings.Contains(calls(), "map") {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	_, err := (&Ceph{Pool: "fast"}).Find(ctx, volumeOf(2))
	if !errors.Is(err, context.Canceled) || !strings.HasSuffix(calls(), "; unmap "+image) {
		t.Error(err, calls())
	}
}

func TestADeviceThatStaysMappedIsNamed(t *testing.T) {
	device := loopDevice(t, 1<<30)
	fakeRBD(t, `case $1 in status) echo '{}';; map) echo `+device+`;; unmap) echo "rbd: unmap failed: (16) Device or resource busy" >&2; exit 16;; esac`)
	d, err := (&Ceph{Pool: "fast", Wait: time.Minute}).Find(t.Context(), volumeOf(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Release(t.Context()); err == nil || !strings.Contains(err.Error(), "rbd unmap "+device) || !strings.Contains(err.Error(), "busy") {
		t.Error(err)
	}
}
