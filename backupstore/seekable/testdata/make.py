#!/usr/bin/env python3
"""Makes disk.zlib, disk.bz2 and disk.zst as Cinder does: one piece of a disk
(text, 4 MiB of zeros, noise, text) compressed with Python's own modules. The
bzip2 one has small blocks, so that there are many. Needs python3-zstd."""
import bz2, random, zlib
import zstd

rng = random.Random(7)
words = [bytes(rng.choices(b"abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(40)]


def text(n):
    out = bytearray()
    while len(out) < n:
        out += rng.choice(words) * rng.choice((1, 1, 1, 2, 5)) + b" "
    return bytes(out[:n])


data = text(300_000) + bytes(4 << 20) + rng.randbytes(9_000) + text(200_001)
for name, packed in (
    ("disk.zlib", zlib.compress(data)),
    ("disk.bz2", bz2.compress(data, 1)),
    ("disk.zst", zstd.compress(data)),
):
    with open(name, "wb") as f:
        f.write(packed)
