#!/bin/sh
# An ext4 file system made by mke2fs (e2fsprogs 1.47.0) and read by the Go module diskfs/go-diskfs v1.9.4.
# Expected: the permissions and the contents that debugfs shows.
# Seen: each file, directory and link has the permissions 0000, whatever it has on the disk; type,
# size and contents are right.
. "$(dirname "$0")/common"
debs e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libss2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2
libraries mke2fs debugfs
modules github.com/diskfs/go-diskfs@v1.9.4
cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/backend/file"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	fs := must(must(diskfs.OpenBackend(must(file.OpenFromPath("../disk", true)))).GetFilesystem(0))
	for _, e := range must(fs.ReadDir("dir")) {
		i := must(e.Info())
		fmt.Printf("%s mode %o size %d\n", e.Name(), i.Mode().Perm(), i.Size())
	}
	data, err := io.ReadAll(must(fs.OpenFile("dir/plain", os.O_RDONLY)))
	fmt.Printf("read plain %q %v\n", data, err)
}
GO
mkdir -p ../tree/dir
cd ../tree/dir
echo hello >plain
chmod 640 plain
mkdir -m 755 below
ln -s plain link
cd "$T"
truncate -s 64M disk
mke2fs -q -t ext4 -b 4096 -d tree disk
seen "debugfs, mode of plain" "$(debugfs -R 'stat dir/plain' disk 2>/dev/null | sed -n 's/.*Mode: *\([0-7]*\).*/\1/p')" 0640
cd go
go run . >out 2>&1 || { cat out; cannot "the program does not build or run"; }
seen "go-diskfs, plain" "$(sed -n 's/^plain //p' out)" "mode 0 size 6"
seen "go-diskfs, below" "$(sed -n 's/^below //p' out | cut -d" " -f1-2)" "mode 0"
seen "go-diskfs, link" "$(sed -n 's/^link //p' out | cut -d" " -f1-2)" "mode 0"
seen "go-diskfs, contents of plain" "$(sed -n 's/^read plain //p' out)" '"hello\n" <nil>'
finish
