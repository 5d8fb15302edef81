package mapper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakes puts programs of the names into PATH that note how they are called, and what they are given,
// and do what script says.
func fakes(t *testing.T, script string) (called func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	text := "#!/bin/sh\necho \"$(basename $0) $*\" >>" + log + "\n" + script + "\n"
	for _, name := range []string{"dmsetup", "losetup"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		t.Helper()
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

var testDevice = Device{Name: "n1", ID: "b1"}

func TestATableIsExchangedWhileEverybodyWaits(t *testing.T) {
	called := fakes(t, "")
	before := 0
	err := testDevice.Swap(t.Context(), Table{Device: "/dev/a", Size: 4096}, func() (Table, error) {
		before = len(called())
		return Table{Device: "/dev/a", Size: 4096, Errors: []Range{{0, 512}}}, nil
	})
	want := []string{"dmsetup load n1", "dmsetup suspend --nolockfs n1", "dmsetup load n1", "dmsetup resume n1"}
	if got := called(); err != nil || strings.Join(got, ";") != strings.Join(want, ";") || before != 2 {
		t.Errorf("%v (%v), %d before the change", got, err, before)
	}
}

// A signal while everybody waits does not leave them waiting.
func TestAnExchangeThatIsInterruptedIsFinished(t *testing.T) {
	called := fakes(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	table := Table{Device: "/dev/a", Size: 4096}
	err := testDevice.Swap(ctx, table, func() (Table, error) {
		cancel()
		return table, nil
	})
	if got := called(); err != nil || got[len(got)-1] != "dmsetup resume n1" {
		t.Errorf("%v: %v", err, got)
	}
}

// Whatever fails, the device goes on with what it had.
func TestAnExchangeThatFailsLeavesTheOldTableInForce(t *testing.T) {
	table := Table{Device: "/dev/a", Size: 4096}
	for what, c := range map[string]struct {
		script  string
		between error
		last    string
	}{
		"the table is refused":   {`[ "$1" != load ]`, nil, "dmsetup clear n1"},
		"it cannot be suspended": {`[ "$1" != suspend ]`, nil, "dmsetup resume n1"},
		"the caller fails":       {"", os.ErrClosed, "dmsetup resume n1"},
	} {
		t.Run(what, func(t *testing.T) {
			called := fakes(t, c.script)
			err := testDevice.Swap(t.Context(), table, func() (Table, error) { return table, c.between })
			if err == nil || c.between != nil && !errors.Is(err, c.between) {
				t.Errorf("%v", err)
			}
			got := called()
			if got[len(got)-1] != c.last || !strings.Contains(strings.Join(got, ";"), "dmsetup clear n1") {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestADeviceIsFoundByWhatItWasMadeFor(t *testing.T) {
	for what, c := range map[string]struct {
		lines string
		there bool
		info  Info
		err   error
	}{
		"none":               {"No devices found", false, Info{}, nil},
		"others":             {`vg-lv\tLVM-xyz\t2\tActive`, false, Info{}, nil},
		"ours":               {`vg-lv\tLVM-xyz\t2\tActive\nn1\tRESTOREFS-live-b1\t3\tActive`, true, Info{Open: 3}, nil},
		"ours, and it waits": {`n1\tRESTOREFS-live-b1\t0\tSuspended`, true, Info{Suspended: true}, nil},
		"another's":          {`n1\tLVM-xyz\t0\tActive`, true, Info{}, ErrForeign},
		"another backup's":   {`n1\tRESTOREFS-live-b2\t0\tActive`, true, Info{}, ErrForeign},
		"one without a UUID": {`n1\t\t0\tActive`, true, Info{}, ErrForeign},
	} {
		t.Run(what, func(t *testing.T) {
			fakes(t, "printf '"+c.lines+`\n'`)
			info, there, err := testDevice.Find(t.Context())
			if info != c.info || there != c.there || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v, %v", info, there, err)
			}
		})
	}
}

func TestALoopDeviceBypassesTheCacheWhereItCan(t *testing.T) {
	called := fakes(t, `case "$*" in *direct-io*) exit 1;; *) echo /dev/loop7;; esac`)
	dev, err := Attach(t.Context(), "/f", 4096)
	want := "losetup --find --show --sector-size 4096 --direct-io=on /f;losetup --find --show --sector-size 4096 /f"
	if got := strings.Join(called(), ";"); err != nil || dev != "/dev/loop7" || got != want {
		t.Errorf("%s, %v: %s", dev, err, got)
	}
	fakes(t, "echo nonsense")
	if dev, err := Attach(t.Context(), "/f", 512); err == nil {
		t.Errorf("%s was taken for a loop device", dev)
	}
}
