#!/bin/sh
# GNU tar 1.34 with -S (--sparse), on a file of nbdfuse 1.14.2.
# Expected: an archive with the file's data, or an error.
# Seen: tar takes a file with st_blocks 0 for one big hole, without reading it. nbdfuse, as many FUSE programs, leaves
# st_blocks at 0. The archive is made with exit code 0 and holds zeros of the right length. cp --sparse=auto and tar
# without -S read the data.
. "$(dirname "$0")/common"
[ -w /dev/fuse ] || cannot "needs /dev/fuse"
command -v fusermount3 >/dev/null || cannot "needs fusermount3"
debs tar=1.34+dfsg-1.2+deb12u1 libnbd-bin=1.14.2-1 libnbd0=1.14.2-1 nbdkit=1.32.5-1
libraries nbdfuse nbdkit
cd "$T"
mkdir mnt
yes 'a line of data' | head -n 10000 >data
: >mnt/file
nbdfuse mnt/file --command nbdkit -s --exit-with-parent \
	"$r/usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-file-plugin.so" "$T/data" &
i=0
until [ -s mnt/file ]; do
	i=$((i + 1))
	[ $i -lt 100 ] || cannot "nbdfuse mounts nothing"
	sleep 0.1
done
same() {
	if cmp -s "$1" data; then
		echo the data
	elif [ "$(tr -d '\0' <"$1" | wc -c)" = 0 ]; then
		echo zeros
	else
		echo other
	fi
}
seen "bytes, blocks of the file" "$(stat -c '%s, %b' mnt/file)" "150000, 0"
seen "the file read" "$(same mnt/file)" "the data"
for option in "" S; do
	mkdir "out$option"
	code=0
	tar -C mnt "-c${option}f" "$option.tar" file || code=$?
	tar -C "out$option" -xf "$option.tar"
	seen "tar -c${option}f" "exit $code, $(stat -c %s "out$option/file") bytes, $(same "out$option/file")" \
		"exit 0, 150000 bytes, $([ "$option" ] && echo zeros || echo the data)"
done
cp --sparse=auto mnt/file copy
seen "cp --sparse=auto" "$(same copy)" "the data"
fusermount3 -u mnt/file
wait
finish
