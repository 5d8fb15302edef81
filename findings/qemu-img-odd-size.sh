#!/bin/sh
# qemu-img 7.2 (Debian 12), a raw image whose length is no multiple of 512 bytes.
# Expected: `convert` from raw to raw copies the file; `info` and `compare` know its length.
# Seen: the copy is longer: zeros up to the next multiple of 512, without a message. `info` gives the longer size, and
# `compare` calls the two files identical, whose sizes differ. cmp and sha256sum do not.
. "$(dirname "$0")/common"
debs qemu-utils=1:7.2+dfsg-7+deb12u18+b3
libraries qemu-img
cd "$T"
yes 'odd' | head -c 1000 >odd
qemu-img convert -f raw -O raw odd copy
seen "bytes of the original" "$(stat -c %s odd)" 1000
seen "bytes of the copy" "$(stat -c %s copy)" 1024
seen "qemu-img info of the original" \
	"$(qemu-img info -f raw --output json odd | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p')" 1024
code=0
said=$(qemu-img compare -f raw -F raw odd copy) || code=$?
seen "qemu-img compare" "exit $code, $said" "exit 0, Images are identical."
seen "cmp" "$(cmp -s odd copy && echo same || echo different)" different
finish
