#!/bin/sh
# The Go module moby/sys/mountinfo v0.7.2, which container engines use, and findmnt of util-linux 2.38.1, given a table
# of mounts in the format of /proc/PID/mountinfo (proc_pid_mountinfo(5)) in which the second of three lines is 95,684
# bytes long: an overlay of 400 directories, whose paths the kernel prints in its options. The format has no limit.
# Expected: three mounts, or two and a word about the one that is too long.
# Seen: moby/sys/mountinfo gives none of the three, but the error "bufio.Scanner: token too long": one mount somewhere on
# the machine hides all. A filter that wants the first line only and stops there still gets it. findmnt lists all three.
. "$(dirname "$0")/common"
debs util-linux=2.38.1-5+deb12u3 libmount1=2.38.1-5+deb12u3 libsmartcols1=2.38.1-5+deb12u3 libblkid1=2.38.1-5+deb12u3
libraries findmnt
modules github.com/moby/sys/mountinfo@v0.7.2
lower=$(i=1; while [ $i -le 400 ]; do printf ':/layers/%0230d' $i; i=$((i + 1)); done)
tail="/over rw,relatime shared:2 - overlay overlay rw,lowerdir=${lower#:}"
pad=$(printf '%*s' $((95684 - ${#tail} - 11)) '' | tr ' ' u)
{
	echo '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw'
	printf '22 21 0:40 / %s%s\n' "$tail" ",upperdir=/$pad" | cut -c1-95684
	echo '23 21 0:41 / /run rw,relatime shared:3 - tmpfs tmpfs rw'
} >table
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/moby/sys/mountinfo"
)

func try(what string, filter mountinfo.FilterFunc) {
	f, err := os.Open("table")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	found, err := mountinfo.GetMountsFromReader(f, filter)
	fmt.Printf("%d mounts, error %v\n", len(found), err)
}

func main() {
	if len(os.Args) > 1 {
		try("first", func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != "/", true })
		return
	}
	try("all", nil)
}
GO
seen "lengths of the lines" "$(awk '{ print length($0) }' table | tr '\n' ' ')" "53 95684 55 "
seen "findmnt" "$(findmnt --tab-file table --noheadings --list --output TARGET | tr '\n' ' ')" "/ /over /run "
seen "moby/sys/mountinfo, all" "$(go run . 2>&1)" "0 mounts, error bufio.Scanner: token too long"
seen "moby/sys/mountinfo, stopping at the first" "$(go run . first 2>&1)" "1 mounts, error <nil>"
finish
