package fusefs

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOfTwoProcessesThatMountAtOnceOneSucceeds(t *testing.T) {
	needMount(t)
	hosts := []*remote{startHost(t, nil), startHost(t, nil)}
	for _, r := range hosts {
		r.call("Set", &[]TestBackup{sample(idA)}, nil)
	}
	mnt := mountpoint(t)
	for range 20 {
		errs := make([]error, len(hosts))
		var wg sync.WaitGroup
		for i, r := range hosts {
			wg.Go(func() { errs[i] = r.try("Mount", &MountArgs{Mountpoint: mnt}, nil) })
		}
		wg.Wait()
		mounts, err := readMountInfo()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range mounts {
			if m.Mountpoint == mnt {
				n++
			}
		}
		if n != 1 || (errs[0] == nil) == (errs[1] == nil) || !strings.Contains(errors.Join(errs...).Error(), ErrMountpoint.Error()) {
			t.Errorf("%d mounts; %v", n, errs)
		}
		for i, r := range hosts {
			if errs[i] == nil {
				r.call("Unmount", &UnmountArgs{Mountpoint: mnt, Timeout: time.Minute}, nil)
			}
		}
	}
}

// A server dies, and two others try to replace it.
func TestOfTwoProcessesThatReplaceADeadMountOneSucceeds(t *testing.T) {
	needMount(t)
	mnt := mountpoint(t)
	for range 5 {
		first := startHost(t, nil)
		first.call("Set", &[]TestBackup{sample(idA)}, nil)
		first.call("Mount", &MountArgs{Mountpoint: mnt}, nil)
		hosts := []*remote{startHost(t, nil), startHost(t, nil)}
		for _, r := range hosts {
			r.call("Set", &[]TestBackup{sample(idB)}, nil)
		}
		first.kill()
		errs := make([]error, len(hosts))
		var wg sync.WaitGroup
		for i, r := range hosts {
			wg.Go(func() { errs[i] = r.try("Mount", &MountArgs{Mountpoint: mnt}, nil) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%v", errs)
		}
		equalNames(t, readDirNames(t, filepath.Join(mnt, "backups")), idB)
		for i, r := range hosts {
			if errs[i] == nil {
				r.call("Unmount", &UnmountArgs{Mountpoint: mnt, Timeout: time.Minute}, nil)
			} else if strings.Contains(errs[i].Error(), "umount -l") {
				t.Errorf("advice that takes down the other's: %v", errs[i])
			}
		}
	}
}
