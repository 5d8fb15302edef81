package xfs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

func processor() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// benchImage returns an image of a tree of 10,000 files, of 22 KiB each on
// average, and of one directory of 10,000 files.
func benchImage(b *testing.B) string {
	needMount(b)
	image := mkfs(b, 600)
	mounted(b, image, "", func(root string) {
		data := make([]byte, 256<<10)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		for d := range 100 {
			dir := filepath.Join(root, fmt.Sprint("dir", d))
			guest.Must(b, os.Mkdir(dir, 0o755))
			for i := range 100 {
				path := filepath.Join(dir, fmt.Sprintf("file-%d-%d", d, i))
				guest.Write(b, path, data[:(i*i*i)%(1+i*900)])
			}
		}
		many := filepath.Join(root, "many")
		guest.Must(b, os.Mkdir(many, 0o755))
		for i := range 10_000 {
			guest.Write(b, filepath.Join(many, fmt.Sprintf("file-%05d-of-some-length.txt", i)), nil)
		}
	})
	return image
}

// BenchmarkRead walks over the tree with all attributes, and reads each file.
func BenchmarkRead(b *testing.B) {
	image := benchImage(b)
	var took time.Duration
	var files, bytes int64
	for b.Loop() {
		began := processor()
		f := opened(b, image, Options{})
		readTree(b, f, f.Root(), make([]byte, 64<<10), &files, &bytes)
		took += processor() - began
	}
	b.ReportMetric(float64(files)/took.Seconds(), "files/cpu-s")
	b.ReportMetric(float64(bytes)/took.Seconds()/(1<<20), "MiB/cpu-s")
}

func readTree(b *testing.B, f *FS, dir uint64, buf []byte, files, bytes *int64) {
	guest.Must(b, f.ReadDir(dir, func(d Dirent) error {
		*files++
		_, err := f.Stat(d.Ino)
		guest.Must(b, err)
		_, err = f.Xattrs(d.Ino)
		guest.Must(b, err)
		switch d.Type {
		case dtDir:
			readTree(b, f, d.Ino, buf, files, bytes)
		case dtRegular:
			file, err := f.Open(d.Ino)
			guest.Must(b, err)
			n, err := io.CopyBuffer(io.Discard, io.NewSectionReader(file, 0, file.Size()), buf)
			guest.Must(b, err)
			*bytes += n
		}
		return nil
	}))
}

// BenchmarkReplay opens a file system that was copied after 60,000 files were
// made in it, none of which may be in its place yet.
func BenchmarkReplay(b *testing.B) {
	needMount(b)
	image := mkfs(b, 1000, "-l", "size=64m")
	mounted(b, image, "", func(root string) {
		for i := range 60_000 {
			if i%500 == 0 {
				guest.Must(b, os.Mkdir(filepath.Join(root, fmt.Sprint("dir", i/500)), 0o755))
			}
			guest.Write(b, filepath.Join(root, fmt.Sprint("dir", i/500), fmt.Sprint("file", i)), nil)
		}
		d, err := os.Open(root)
		guest.Must(b, err)
		guest.Must(b, unix.Syncfs(int(d.Fd())))
		guest.Must(b, d.Close())
		guest.CopyFile(b, image, image+"-copied")
	})
	var took time.Duration
	var heap uint64
	var f *FS
	for b.Loop() {
		runtime.GC()
		before, began := guest.Heap(), processor()
		f = opened(b, image+"-copied", Options{})
		took += processor() - began
		runtime.GC()
		heap = guest.Heap() - before
	}
	b.Log(f.Info().Journal)
	b.ReportMetric(took.Seconds()/float64(b.N), "cpu-s")
	b.ReportMetric(float64(heap)/(1<<20), "MiB")
}
