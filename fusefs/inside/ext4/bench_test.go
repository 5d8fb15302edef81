package ext4

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkTree copies a tree of 10,000 files out of an image, as debugfs rdump
// does, and compares processor time: x-rdump is how many times as fast it is.
func BenchmarkTree(b *testing.B) {
	image := benchImage(b, 300, func(root string) {
		data := make([]byte, 256<<10)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		for d := range 100 {
			dir := filepath.Join(root, fmt.Sprint("dir", d))
			must(b, os.Mkdir(dir, 0o755))
			for i := range 100 { // 22 KiB each on average, as in a system's /usr
				write(b, filepath.Join(dir, fmt.Sprintf("file-%d-%d", d, i)), data[:(i*i*i)%(1+i*900)])
			}
		}
	})
	rdump := func(out string) *exec.Cmd {
		return exec.Command("debugfs", "-R", "rdump / "+out, image)
	}
	race(b, "x-rdump", rdump, func(out string) {
		f := opened(b, image, Options{})
		dump(b, f, f.Root(), out)
	})
}

// BenchmarkDirectory lists a directory of 10,000 files with their sizes, as fls
// of sleuthkit does.
func BenchmarkDirectory(b *testing.B) {
	image := benchImage(b, 64, func(root string) {
		dir := filepath.Join(root, "many")
		must(b, os.Mkdir(dir, 0o755))
		for i := range 10_000 {
			write(b, filepath.Join(dir, fmt.Sprintf("file-%05d-with-a-name-of-some-length.txt", i)), nil)
		}
	})
	fls := func(string) *exec.Cmd {
		cmd := exec.Command("fls", "-r", "-l", image)
		cmd.Stdout = io.Discard
		return cmd
	}
	race(b, "x-fls", fls, func(string) {
		f := opened(b, image, Options{})
		n := 0
		listTree(b, f, f.Root(), &n)
		if n < 10_000 {
			b.Errorf("%d files", n)
		}
	})
}

func benchImage(b *testing.B, mib int, fill func(root string)) string {
	source := b.TempDir()
	fill(source)
	return mkfs(b, mib, "-t", "ext4", "-N", "20000", "-d", source)
}

// race takes turns and reports the ratio of the medians.
func race(b *testing.B, unit string, other func(out string) *exec.Cmd, own func(out string)) {
	if _, err := exec.LookPath(other("").Args[0]); err != nil {
		b.Skip(err)
	}
	var theirs, ours []time.Duration
	for b.Loop() {
		out := b.TempDir()
		cmd := other(out)
		must(b, cmd.Run())
		theirs = append(theirs, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		out = b.TempDir()
		before := processor()
		own(out)
		ours = append(ours, processor()-before)
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	t, o := theirs[len(theirs)/2], ours[len(ours)/2]
	b.ReportMetric(float64(t)/float64(o), unit)
	b.ReportMetric(o.Seconds(), "s-ours")
	b.ReportMetric(t.Seconds(), "s-theirs")
}

func processor() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// dump copies a tree, with modes, owners and times as rdump does.
func dump(b *testing.B, f *FS, dir uint64, out string) {
	buf := make([]byte, 64<<10)
	must(b, f.ReadDir(dir, func(d Dirent) error {
		path := filepath.Join(out, d.Name)
		a, err := f.Stat(d.Ino)
		must(b, err)
		switch d.Type {
		case dtDir:
			must(b, os.Mkdir(path, 0o700))
			dump(b, f, d.Ino, path)
		case dtRegular:
			dumpFile(b, f, d.Ino, path, buf)
		default:
			return nil
		}
		must(b, os.Chmod(path, os.FileMode(a.Mode&0o777)))
		must(b, os.Chown(path, int(a.UID), int(a.GID)))
		must(b, os.Chtimes(path, a.Atime, a.Mtime))
		return nil
	}))
}

func dumpFile(b *testing.B, f *FS, ino uint64, path string, buf []byte) {
	file, err := f.Open(ino)
	must(b, err)
	w, err := os.Create(path)
	must(b, err)
	defer w.Close()
	for off := int64(0); off < file.Size(); {
		n, err := file.ReadAt(buf, off)
		if err != io.EOF {
			must(b, err)
		}
		_, err = w.Write(buf[:n])
		must(b, err)
		off += int64(n)
	}
}

// listTree writes names, sizes and times to nowhere.
func listTree(b *testing.B, f *FS, dir uint64, n *int) {
	var line strings.Builder
	must(b, f.ReadDir(dir, func(d Dirent) error {
		a, err := f.Stat(d.Ino)
		must(b, err)
		line.Reset()
		fmt.Fprintln(&line, d.Ino, d.Name, a.Size, a.Mtime.Unix(), a.UID, a.GID)
		if *n++; d.Type == dtDir {
			listTree(b, f, d.Ino, n)
		}
		return nil
	}))
}
