package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/mountstatus"
)

func TestStatusTellsLiveFromDead(t *testing.T) {
	firstPass(t)
	share, b := smallShare(t)
	live, server := mountShare(t, share)
	f, err := os.Open(filepath.Join(live, "backups", b.ID, "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	killed, victim := mountShare(t, share)
	leaveNothing(t, killed)
	victim.Process.Kill()
	victim.Wait()
	find := func() map[string]mountstatus.Mount {
		stdout, stderr, code := restorefs(t, "status", "--json")
		var list []mountstatus.Mount
		if err := json.Unmarshal([]byte(stdout), &list); err != nil {
			t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
		}
		bad := slices.ContainsFunc(list,
			func(m mountstatus.Mount) bool { return m.State != mountstatus.Serving })
		if want := map[bool]int{false: 0, true: exitcode.Failed}[bad]; code != want {
			t.Errorf("exit %d, not %d: %s", code, want, stdout)
		}
		found := map[string]mountstatus.Mount{}
		for _, m := range list {
			found[m.Mountpoint] = m
		}
		return found
	}
	all := find()
	if m := all[live]; m.State != mountstatus.Serving || m.Server == nil ||
		m.Server.PID != server.Process.Pid || m.Server.Share != share ||
		m.Server.Backups != 1 || m.Server.OpenVolumes != 1 || m.Uptime < 0 {
		t.Errorf("%+v", m)
	}
	if m := all[killed]; m.State != mountstatus.Dead ||
		!strings.Contains(m.Advice, "restorefs unmount "+killed) {
		t.Errorf("%+v", m)
	}
	for _, one := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{live}, 0, live + "  serving for "},
		{[]string{live + "/"}, 0, live + "  serving for "},
		{[]string{live, killed}, exitcode.Failed, killed + "  dead"},
		{[]string{t.TempDir()}, exitcode.Failed, "no restorefs mount"},
	} {
		stdout, stderr, code := restorefs(t, append([]string{"status"}, one.args...)...)
		if code != one.code || !strings.Contains(stdout+stderr, one.says) {
			t.Errorf("status %v: exit %d: %s%s", one.args, code, stdout, stderr)
		}
	}
	stdout, _, _ := restorefs(t, "status")
	if !strings.Contains(stdout, live+"  serving for ") ||
		!strings.Contains(stdout, killed+"  dead") {
		t.Error(stdout)
	}
	f.Close()
	if _, stderr, code := restorefs(t, "unmount", killed); code != 0 { // as it advises
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, ok := find()[killed]; ok {
		t.Error("the dead one is still there")
	}
	server.Process.Signal(syscall.SIGSTOP)
	defer server.Process.Signal(syscall.SIGCONT)
	if m := find()[live]; m.State != mountstatus.Silent {
		t.Errorf("a stopped server: %+v", m)
	}
}

func TestStatusTellsAProblemFromABackupThatIsBeingWritten(t *testing.T) {
	share, b := smallShare(t)
	broken := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("broken"),
		VolumeID: b.VolumeID, Content: storetest.Disk(1<<20, 2)})
	writing := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("writing"),
		VolumeID: b.VolumeID, Content: storetest.Disk(1<<20, 3)})
	if err := errors.Join(os.Truncate(broken.Path("_metadata"), 20),
		os.Remove(writing.Path("_metadata"))); err != nil {
		t.Fatal(err)
	}
	mountpoint, _ := mountShare(t, share)
	stdout, stderr, code := restorefs(t, "status", mountpoint)
	if want := "3 backups, 1 with a problem (" + broken.ID + "), 1 not complete"; code != 0 ||
		!strings.Contains(stdout, want) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}
