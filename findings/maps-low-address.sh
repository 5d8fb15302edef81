#!/bin/sh
# /proc/PID/maps and /proc/PID/map_files of Linux, for a file that is mapped below address 0x10000000 (as programs that
# are not position-independent, Wine and emulators do). Linux 6.18; no package is fetched.
# Expected: the range that begins a line of maps is the name of the file's entry in map_files; proc(5) calls that "start
# and end addresses of a mapping in hexadecimal".
# Seen: maps pads addresses to eight digits, map_files does not: 02000000-02001000 in the one is 2000000-2001000 in the
# other. A program that looks up one by the other finds nothing for such a file, and every file that lies further up.
. "$(dirname "$0")/common"
command -v python3 >/dev/null || cannot "no python3"
cat >"$T/low.py" <<'PY'
import ctypes, os, sys, tempfile
low = 0x2000000
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
f = open(os.path.join(os.environ['T'], 'mapped'), 'w+b')
f.truncate(4096)
FIXED_NOREPLACE = 0x100000
for at in (low, 0x20000000):
    if libc.mmap(at, 4096, 3, 1 | FIXED_NOREPLACE, f.fileno(), 0) != at:
        sys.exit('cannot map at %#x' % at)
for line in open('/proc/self/maps'):
    if line.rstrip().endswith('/mapped'):
        name = line.split()[0]
        print(name, 'is in map_files' if os.path.lexists('/proc/self/map_files/' + name) else 'is not in map_files')
print(sorted(n for n in os.listdir('/proc/self/map_files') if n.split('-')[0] in ('%x' % low, '%08x' % low)))
PY
export T
echo "versions: Linux $(uname -r), $(python3 --version)"
out=$(python3 "$T/low.py") || cannot "$out"
seen "mapped at 0x2000000" "$(echo "$out" | sed -n 1p)" "02000000-02001000 is not in map_files"
seen "mapped at 0x20000000" "$(echo "$out" | sed -n 2p)" "20000000-20001000 is in map_files"
seen "map_files has" "$(echo "$out" | sed -n 3p)" "['2000000-2001000']"
finish
