#!/bin/sh
# qemu-s390x-static 7.2 (Debian 12), a Go program that asks for a file's times by three system calls.
# Expected: stat, fstat and newfstatat give the same times.
# Seen: newfstatat gives the nanoseconds; stat and fstat give 0 for them. Seconds are right everywhere. A program that
# compares the time of an open file (fstat) with that of a name (newfstatat) sees a change that never was. A
# program for arm64 gets them from both.
. "$(dirname "$0")/common"
debs qemu-user-static=1:7.2+dfsg-7+deb12u18+b3
modules golang.org/x/sys@v0.49.0
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	f, err := os.Open("file")
	if err != nil {
		panic(err)
	}
	var byHandle, byName, byStat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &byHandle); err != nil {
		panic(err)
	}
	if err := unix.Fstatat(unix.AT_FDCWD, "file", &byName, 0); err != nil {
		panic(err)
	}
	if err := unix.Stat("file", &byStat); err != nil {
		panic(err)
	}
	fmt.Print("stat ", byStat.Mtim.Nsec, ", fstat ", byHandle.Mtim.Nsec, ", fstatat ", byName.Mtim.Nsec)
}
GO
touch -d '2026-01-02 03:04:05.123456789' file
[ "$(stat -c %y file | cut -c21-29)" = 123456789 ] || cannot "the temporary directory keeps no nanoseconds"
for arch in s390x arm64; do
	GOARCH=$arch CGO_ENABLED=0 go build -o "$arch" .
done
seen "s390x" "$(qemu-s390x-static ./s390x)" "stat 0, fstat 0, fstatat 123456789"
seen "arm64" "$(qemu-aarch64-static ./arm64)" "stat 123456789, fstat 123456789, fstatat 123456789"
finish
