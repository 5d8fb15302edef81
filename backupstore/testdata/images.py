"""Disk images for make_fixtures.py, the same at every run."""
import hashlib
import os
import random
import struct
import subprocess
import tempfile
import uuid
import zlib

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BLOCK = 32 * KIB
SECTOR = 512
SENTENCES = [b'the quick brown fox jumps over the lazy dog',
             b'INSERT INTO accounts VALUES (17, "night shift", 4.25);',
             b'kernel: EXT4-fs (vda1): mounted filesystem',
             b'GET /index.html HTTP/1.1 200 5120 "-" "curl/8.5"',
             b'all work and no play makes a dull log file']


def an_id(label):
    return str(uuid.UUID(bytes=hashlib.sha256(label.encode()).digest()[:16],
                         version=4))


def block(kind, seed):
    """32 KiB of zeros ('z'), log-like text ('t') or noise ('r')."""
    rng = random.Random('%s %s' % (kind, seed))
    if kind == 'z':
        return bytes(BLOCK)
    if kind == 'r':
        return rng.randbytes(BLOCK)
    lines, n = [], 0
    while n < BLOCK:
        lines.append(b'%08x %s\n' % (rng.getrandbits(20) + n,
                                     rng.choice(SENTENCES)))
        n += len(lines[-1])
    return b''.join(lines)[:BLOCK]


def disk(pattern, seed):
    """An image with one block for each letter of pattern."""
    return b''.join(block(k, '%s %d' % (seed, i))
                    for i, k in enumerate(pattern))


def change(image, seed, changes):
    """image with the blocks of changes {index: kind} replaced."""
    image = bytearray(image)
    for i, kind in changes.items():
        image[i * BLOCK:(i + 1) * BLOCK] = block(kind, '%s %d' % (seed, i))
    return bytes(image)


def ext4(size, label, steps, journal):
    """Images of one ext4 file system: after each of steps, {name: text}."""
    images = []
    env = dict(os.environ, E2FSPROGS_FAKE_TIME='1767607200')
    with tempfile.TemporaryDirectory() as tmp:
        img, src = os.path.join(tmp, 'img'), os.path.join(tmp, 'src')
        with open(img, 'wb') as f:
            f.truncate(size)
        subprocess.run(
            ['mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-N', '64',
             '-m', '0', '-L', label, '-U', an_id('fs ' + label),
             '-O', 'has_journal' if journal else '^has_journal',
             '-E', 'nodiscard,lazy_itable_init=0,hash_seed=' +
             an_id('hash ' + label), img], check=True, env=env)
        for step in steps:
            for name, text in step.items():
                with open(src, 'wb') as f:
                    f.write(text)
                cmds = ['mkdir /' + os.path.dirname(name)] * ('/' in name)
                if images:
                    cmds.append('rm /' + name)
                cmds += ['write %s %s' % (src, '/' + name)]
                for c in cmds:
                    subprocess.run(['debugfs', '-w', '-R', c, img], check=True,
                                   env=env, capture_output=True)
            subprocess.run(['e2fsck', '-f', '-n', img], check=True,
                           capture_output=True)
            with open(img, 'rb') as f:
                images.append(f.read())
    return images


def mbr(image, partitions, kind=0x83):
    """image with an MBR; partitions are (offset, length) in bytes."""
    table = b''.join(
        struct.pack('<B3sB3sII', 0, b'\xfe\xff\xff', kind, b'\xfe\xff\xff',
                    off // SECTOR, n // SECTOR) for off, n in partitions)
    sector = (bytes(440) + hashlib.sha256(b'mbr').digest()[:4] + bytes(2) +
              table.ljust(64, b'\0') + b'\x55\xaa')
    return sector + image[SECTOR:]


def gpt(image, partitions, volume_bytes):
    """image with the first GPT of a volume (the second one is cut off)."""
    last = volume_bytes // SECTOR - 1
    linux = uuid.UUID('0fc63daf-8483-4772-8e79-3d69d8477de4')
    table = b''.join(
        linux.bytes_le + uuid.UUID(an_id('partition %d' % i)).bytes_le +
        struct.pack('<QQQ', off // SECTOR, (off + n) // SECTOR - 1, 0) +
        ('data %d' % i).encode('utf-16-le').ljust(72, b'\0')
        for i, (off, n) in enumerate(partitions)).ljust(128 * 128, b'\0')

    def header(crc):
        return struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, crc,
                           0, 1, last, 34, last - 33,
                           uuid.UUID(an_id('gpt')).bytes_le, 2, 128, 128,
                           zlib.crc32(table))
    head = header(zlib.crc32(header(0))).ljust(SECTOR, b'\0')
    image = mbr(image, [(SECTOR, volume_bytes - SECTOR)], kind=0xee)
    return image[:SECTOR] + head + table + image[2 * SECTOR + len(table):]
