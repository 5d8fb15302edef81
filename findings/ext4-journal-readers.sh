#!/bin/sh
# An ext4 image whose journal holds a committed change that is not yet in its place, as in every copy of a disk in use:
# e2fsprogs 1.47.0 (debugfs, e2fsck), fuse2fs 1.47.0, sleuthkit 4.11.1.
# Expected: readers apply the journal in memory, or say that what they show is older than the file system's state.
# Seen: debugfs and icat show what the journal replaces, without a word. `e2fsck -fn` notes that it skipped the journal,
# finds nothing wrong and exits with 0. Only fuse2fs -o ro refuses (exit 3), and asks for e2fsck, which writes.
# After `e2fsck -p` all see the change.
. "$(dirname "$0")/common"
debs e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libss2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2 \
	fuse2fs=1.47.0-2+b2 libfuse2=2.9.9-6+b1 \
	sleuthkit=4.11.1+dfsg-1+b1 libtsk19=4.11.1+dfsg-1+b1 libewf2=20140813-1+b1 \
	libvhdi1=20210425-1+b2 libvmdk1=20200926-2+b2 libafflib0v5=3.7.20-1 libbfio1=20170123-6
libraries debugfs e2fsck fuse2fs icat
cd "$T"
truncate -s 16M disk
mke2fs -q -t ext4 -b 1024 disk
echo 'before the commit' >before
debugfs -w -R 'write before file' disk >/dev/null 2>&1
block=$(debugfs -R 'blocks file' disk 2>/dev/null | tr -d ' ')
echo 'after the  commit' >after
truncate -s 1024 after
printf 'jo\njw -b %s after\njc\n' "$block" | debugfs -w -f - disk >/dev/null 2>&1
code=0
e2fsck -fn disk >fsck.out 2>&1 || code=$?
cat fsck.out
seen "debugfs cat" "$(debugfs -R 'cat file' disk 2>/dev/null)" "before the commit"
seen "debugfs, lines on stderr but for its version" \
	"$(debugfs -R 'cat file' disk 2>&1 >/dev/null | grep -vc '^debugfs ' || true)" 0
seen "icat" "$(icat disk 12 2>&1)" "before the commit"
seen "e2fsck -fn, exit" "$code" 0
mkdir mnt2
code=0
fuse2fs -o ro disk mnt2 >fuse.out 2>&1 || code=$?
if mountpoint -q mnt2; then fusermount3 -u mnt2; fi
cat fuse.out
seen "fuse2fs -o ro, exit" "$code" 3
e2fsck -fp disk >/dev/null 2>&1 || true
seen "debugfs cat after e2fsck -p" "$(debugfs -R 'cat file' disk 2>/dev/null)" "after the  commit"
finish
