#!/bin/sh
# An NTFS volume made by mkntfs and ntfscp (ntfs-3g 2022.10.3) and read by the Go module velocidex/go-ntfs v0.2.1, through a
# reader that fails for one block of the index of a directory, as a disk with a bad sector does.
# Expected: listing the directory is an error, or tells that it is not whole, and so is looking up a name of that block.
# Seen: the directory is listed without the names of that block, ListDir having no error to return, and looking up one of them
# ends with "Not found", as for a name that does not exist.
. "$(dirname "$0")/common"
debs ntfs-3g=1:2022.10.3-1+deb12u4 libntfs-3g89=1:2022.10.3-1+deb12u4
libraries mkntfs ntfscp
modules www.velocidex.com/golang/go-ntfs@v0.2.1
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"www.velocidex.com/golang/go-ntfs/parser"
)

type bad struct {
	f        *os.File
	from, to int64
	failed   bool
}

func (r *bad) ReadAt(p []byte, off int64) (int, error) {
	if off < r.to && off+int64(len(p)) > r.from {
		r.failed = true
		return 0, errors.New("this part of the disk cannot be read")
	}
	return r.f.ReadAt(p, off)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	r := &bad{f: must(os.Open("../disk"))}
	fmt.Sscan(os.Args[1], &r.from)
	fmt.Sscan(os.Args[2], &r.to)
	ctx := must(parser.GetNTFSContext(r, 0))
	names := 0
	for _, e := range parser.ListDir(ctx, must(ctx.GetMFT(5))) {
		if strings.HasPrefix(e.Name, "name-") {
			names++
		}
	}
	fmt.Println("names", names, "failed", r.failed)
	absent := 0
	for i := 100; i <= 160; i++ {
		if _, err := parser.GetDataForPath(ctx, fmt.Sprintf("name-%d-which-is-rather-long", i)); err != nil && strings.Contains(err.Error(), "Not found") {
			absent++
		}
	}
	fmt.Println("absent", absent)
}
GO
cd "$T"
truncate -s 16M disk
mkntfs -F -q -p 0 -s 512 -H 255 -S 63 -c 4096 disk >/dev/null 2>&1
head -c 8192 /dev/zero | tr '\0' A >file
for i in $(seq 100 160); do
	ntfscp -f disk file "name-$i-which-is-rather-long" >/dev/null 2>&1
done
# A block of the root's index, which holds a name in UTF-16.
block=$(grep -abo 'INDX' disk | cut -d: -f1 | while read -r at; do
	if dd if=disk bs=512 skip=$((at / 512)) count=8 status=none | tr -d '\0' | grep -aq name-1; then echo "$at"; break; fi
done)
cd go
go build -o read . >out 2>&1 || { cat out; cannot "the program does not build"; }
seen "a disk without fault" "$(./read 0 0 | tr '\n' ' ')" "names 61 failed false absent 0 "
./read "$block" $((block + 4096)) >out
set -- $(tr '\n' ' ' <out)
seen "the block of the index was asked for" "$3 $4" "failed true"
seen "fewer names are listed, without an error" "$([ "$2" -gt 0 ] && [ "$2" -lt 61 ] && echo yes)" yes
seen "the others are told as not found" "$6" $((61 - $2))
finish
