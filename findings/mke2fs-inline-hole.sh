#!/bin/sh
# A file that ends in a hole, copied by `mke2fs -d` or `debugfs write` into an ext4 with the feature inline_data:
# e2fsprogs 1.47.0.
# Expected: it has its size, as without that feature.
# Seen: the hole is cut off and the size is that of the data before it, rounded up to blocks: 1 MiB of a disk image whose
# first 5,000 bytes are not zeros becomes 5,120 bytes. Both programs say nothing and exit with 0, and `e2fsck -fn` finds
# nothing wrong. A file that ends in data is copied whole, with its holes before that.
. "$(dirname "$0")/common"
debs e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libss2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2
libraries mke2fs debugfs e2fsck
cd "$T"
mkdir source
head -c 5000 /dev/zero | tr '\0' x >source/tail
truncate -s 1M source/tail
truncate -s 100K source/middle
echo end >>source/middle
# size IMAGE FILE
size() {
	debugfs -R "stat $2" "$1" 2>/dev/null | sed -n 's/.*Size: *\([0-9][0-9]*\)$/\1/p' | head -n 1
}
for feature in inline_data ^inline_data; do
	truncate -s 16M "disk$feature"
	code=0
	mke2fs -q -t ext4 -b 1024 -O "$feature" -d source "disk$feature" || code=$?
	seen "mke2fs -O $feature -d, exit" "$code" 0
	code=0
	e2fsck -fn "disk$feature" >fsck.out 2>&1 || code=$?
	seen "e2fsck -fn, exit" "$code" 0
done
debugfs -w -R 'write source/tail written' diskinline_data >/dev/null 2>&1
seen "size of what ends in a hole, without inline_data" "$(size 'disk^inline_data' tail)" 1048576
seen "the same, with inline_data" "$(size diskinline_data tail)" 5120
seen "the same, written by debugfs" "$(size diskinline_data written)" 5120
seen "size of what has a hole in the middle, with inline_data" "$(size diskinline_data middle)" 102404
finish
