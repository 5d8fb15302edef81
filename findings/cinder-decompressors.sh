#!/bin/sh
# The three modules that Cinder 21.3.1 (Debian 12) hands a stored object to, each by one call of decompress(): zlib and
# bz2 of Python 3.11, and python3-zstd 1.5.2.5.
# Expected: what the command-line tools make of the same bytes, or the same rule in all three.
# Seen: of two streams one after the other, zlib gives the first and drops the second without a message, bz2 joins them,
# and zstd raises "Destination buffer is too small". zstd also refuses a frame that does not state its content's size,
# which is what `zstd` writes from a pipe, and a skippable frame in front; a skippable frame behind it ignores.
# So an object that was compressed anew by a pipe, or in pieces, is fine for `zstd -d` and cannot be restored by Cinder.
. "$(dirname "$0")/common"
debs python3-zstd=1.5.2.5-1+b3 zstd=1.5.4+dfsg2-5 libzstd1=1.5.4+dfsg2-5
/usr/bin/python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || cannot "needs Debian's Python 3.11"
libraries zstd
cd "$T"
try() { PYTHONPATH="$r/usr/lib/python3/dist-packages" /usr/bin/python3 - "$@" <<'PY'
import importlib, sys
try:
    print(importlib.import_module(sys.argv[1]).decompress(open(sys.argv[2], 'rb').read()).decode())
except Exception as e:
    print('raises', e)
PY
}
/usr/bin/python3 - <<'PY'
import bz2, zlib
for n, module in (('zlib', zlib), ('bz2', bz2)):
    open(n, 'wb').write(module.compress(b'first ') + module.compress(b'second'))
PY
printf 'first ' >first
printf second >second
zstd -q first second
cat first.zst second.zst >zstd
zstd -qc <first >piped
printf '\120\052\115\030\004\0\0\0skip' >skip
cat skip first.zst >skip-first
cat first.zst skip >skip-last
seen "zlib, two streams" "$(try zlib zlib)" "first "
seen "bz2, two streams" "$(try bz2 bz2)" "first second"
seen "zstd, two frames" "$(try zstd zstd)" "raises Decompression error: Destination buffer is too small"
seen "zstd -d, two frames" "$(zstd -dqc <zstd)" "first second"
no_size="raises Input data invalid or missing content size in frame header."
seen "zstd, frame of a pipe" "$(try zstd piped)" "$no_size"
seen "zstd -d, frame of a pipe" "$(zstd -dqc <piped)" "first "
seen "zstd, skippable frame in front" "$(try zstd skip-first)" "$no_size"
seen "zstd, skippable frame behind" "$(try zstd skip-last)" "first "
finish
