package parttable

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// skip skips a test because something is missing, unless the machine is meant
// to run all tests.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	need.Missing(t, format, args...)
}

func run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skip(t, "needs the program %s", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sfdisk lists the usable partitions in the format of shown.
func sfdisk(t *testing.T, disk string) string {
	var found struct {
		PartitionTable struct {
			Partitions []struct {
				Node        string
				Start, Size int64
				Type        string
			}
		}
	}
	if err := json.Unmarshal([]byte(run(t, "", "sfdisk", "-J", disk)), &found); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, p := range found.PartitionTable.Partitions {
		if !slices.Contains([]string{"5", "f", "85"}, p.Type) {
			number := strings.TrimPrefix(strings.TrimPrefix(p.Node, disk), "p")
			out = append(out, fmt.Sprintf("%s:%d+%d", number, p.Start, p.Size))
		}
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func TestSfdiskFindsTheSame(t *testing.T) {
	many := "label: gpt\n"
	for i := range 100 {
		many += fmt.Sprintf("start=%d, size=8\n", 2048+16*i)
	}
	for what, c := range map[string]struct {
		script string
		also   []string // sgdisk, afterwards
		sector int
	}{
		"gpt":                     {script: "label: gpt\n size=1MiB\n size=2MiB, type=swap\n size=+\n"},
		"gpt, of sgdisk":          {script: "label: gpt\n", also: []string{"-n3:4096:8191", "-n1:2048:4095", "-n128:10000:10007"}},
		"gpt, 100 partitions":     {script: many},
		"gpt, with a hybrid MBR":  {script: "label: gpt\n size=1MiB\n size=2MiB\n", also: []string{"-h1:2"}},
		"gpt, 256 entries":        {script: "label: gpt\ntable-length: 256\n size=1MiB\n"},
		"dos":                     {script: "label: dos\n size=4MiB, bootable\n size=4MiB, type=82\n"},
		"dos, with a gap":         {script: "label: dos\n1: size=1MiB\n3: size=1MiB\n"},
		"dos, logical":            {script: "label: dos\n size=1MiB\n size=20MiB, type=5\n size=2MiB\n size=3MiB\n size=4MiB\n size=1MiB\n"},
		"dos, logical alone":      {script: "label: dos\n size=20MiB, type=f\n5: size=2MiB\n6: size=3MiB\n"},
		"dos, 20 logical":         {script: "label: dos\n size=62MiB, type=5\n" + strings.Repeat("size=1MiB\n", 20)},
		"gpt, 4096":               {script: "label: gpt\n size=1MiB\n size=2MiB\n", sector: 4096},
		"dos, 4096":               {script: "label: dos\n size=4MiB\n size=4MiB\n", sector: 4096},
		"dos, logical, 4096":      {script: "label: dos\n size=1MiB\n size=5MiB, type=5\n size=2MiB\n size=1MiB\n", sector: 4096},
		"dos, logical only, 4096": {script: "label: dos\n size=5MiB, type=5\n size=2MiB\n size=1MiB\n", sector: 4096},
		"nothing":                 {script: "label: dos\n"},
	} {
		t.Run(what, func(t *testing.T) {
			disk := filepath.Join(t.TempDir(), "disk")
			f, err := os.Create(disk)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			const size = 64 << 20
			if err := f.Truncate(size); err != nil {
				t.Fatal(err)
			}
			at := disk
			if c.sector != 0 {
				if os.Geteuid() != 0 {
					skip(t, "needs root for loop devices")
				}
				at = strings.TrimSpace(run(t, "", "losetup", "--find", "--show", "--sector-size", fmt.Sprint(c.sector), disk))
				defer run(t, "", "losetup", "--detach", at)
			}
			run(t, c.script, "sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--wipe", "never", at)
			if c.also != nil {
				run(t, "", "sgdisk", append(c.also, at)...)
			}
			want := sfdisk(t, at)
			if c.sector != 0 { // for an MBR only the contents tell the sector size
				run(t, "", "mkfs.ext4", "-q", "-E", fmt.Sprintf("offset=%d", firstByte(t, want, c.sector)), at, "512k")
				run(t, "", "sync", at)
			}
			told := 0 // problems about sectors that are not of 512 bytes
			if c.sector == 4096 && want != "[]" {
				told = 1
			}
			got, err := Read(f, size)
			if err != nil || shown(got) != want || len(got.Problems) != told {
				t.Errorf("%s, sfdisk says %s; problems %q, %v", shown(got), want, got.Problems, err)
			}
			if strings.Contains(c.script, "gpt") {
				if _, err := f.WriteAt(make([]byte, 4096), int64(max(c.sector, 512))); err != nil {
					t.Fatal(err)
				}
				if got, err = Read(f, size); err != nil || shown(got) != want || len(got.Problems) != 1+told {
					t.Errorf("from the second copy: %s, sfdisk says %s; problems %q, %v", shown(got), want, got.Problems, err)
				}
			}
		})
	}
}

// firstByte returns the byte at which the first partition that sfdisk lists
// begins.
func firstByte(t *testing.T, listed string, sector int) int64 {
	var number, start int64
	if _, err := fmt.Sscanf(strings.Trim(listed, "[]"), "%d:%d+", &number, &start); err != nil {
		t.Fatal(err)
	}
	return start * int64(sector)
}

// Disks that are a single file system, with or without boot code, have no
// partitions.
func TestFileSystemsAreNotTakenForTables(t *testing.T) {
	for what, mkfs := range map[string][]string{
		"ext4":  {"mkfs.ext4", "-q"},
		"xfs":   {"mkfs.xfs", "-q"},
		"btrfs": {"mkfs.btrfs", "-q"},
		"fat12": {"mkfs.fat", "-F12", "-S4096", "-s64"},
		"fat16": {"mkfs.fat", "-F16"},
		"fat32": {"mkfs.fat", "-F32"},
		"exfat": {"mkfs.exfat"},
		"ntfs":  {"mkfs.ntfs", "-q", "-F"},
		"swap":  {"mkswap", "-q"},
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := exec.LookPath(mkfs[0]); err != nil {
				need.Missing(t, "needs the program %s", mkfs[0])
			}
			disk := filepath.Join(t.TempDir(), "disk")
			f, err := os.Create(disk)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			const size = 320 << 20
			if err := f.Truncate(size); err != nil {
				t.Fatal(err)
			}
			run(t, "", mkfs[0], append(mkfs[1:], disk)...)
			for _, code := range []byte{0, 1} {
				if code == 1 { // boot code and its signature
					if what == "xfs" {
						continue // it has no room for boot code
					}
					noise := make([]byte, 66)
					for i := range noise {
						noise[i] = byte(i*89 + 3)
					}
					noise[64], noise[65] = 0x55, 0xAA
					if _, err := f.WriteAt(noise, mbrEntries); err != nil {
						t.Fatal(err)
					}
				}
				got, err := Read(f, size)
				if err != nil || len(got.Partitions) > 0 || len(got.Problems) > 0 {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
}
