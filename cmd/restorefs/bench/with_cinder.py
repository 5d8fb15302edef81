#!/usr/bin/python3
"""Cinder's side of the benchmark: the installed Cinder backs up and restores.

    with_cinder.py backup DIR        images and backups that DIR does not have yet
    with_cinder.py restore DIR LABEL TARGET

DIR holds image.raw; share/, images and rows.json are made in it. A restore
prints the wall time of the driver's restore() alone, in a process that is
warm, and the peak memory of the process.
"""
import json
import os
import random
import resource
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../../backupstore/testdata'))
import cinder_in_process  # noqa: E402
from images import GIB, KIB, MIB  # noqa: E402

DEFAULT = 1999994880  # backup_file_size of Cinder
REGION = 256 * KIB

# label, image, volume's label, algorithm, file size, parent
BACKUPS = [
    ('zlib', 'image.raw', 'zlib', 'zlib', DEFAULT, None),
    ('chain 1', 'change1.raw', 'zlib', 'zlib', DEFAULT, 'zlib'),
    ('chain 2', 'change2.raw', 'zlib', 'zlib', DEFAULT, 'chain 1'),
    ('chain 3', 'change3.raw', 'zlib', 'zlib', DEFAULT, 'chain 2'),
    ('zlib 64 MiB', 'image.raw', 'zlib 64', 'zlib', 64 * MIB, None),
    ('zstd', 'image.raw', 'zstd', 'zstd', DEFAULT, None),
    ('none', 'image.raw', 'none', 'none', DEFAULT, None),
    ('sparse', 'sparse.raw', 'sparse', 'zlib', DEFAULT, None),
    ('bz2', 'image.raw', 'bz2', 'bz2', DEFAULT, None),
]


def make_images(directory):
    """The image with a twentieth changed, three times; and a sparse one."""
    def path(name):
        return os.path.join(directory, name)
    with open(path('image.raw'), 'rb') as f:
        first = f.read()
    image, rng = bytearray(first), random.Random('changes')
    for i in (1, 2, 3):
        for _ in range(len(image) // 20 // REGION or 1):
            a, b = (rng.randrange(len(image) // REGION) * REGION
                    for _ in range(2))
            image[a:a + REGION] = first[b:b + REGION]
        put(path('change%d.raw' % i), lambda f: f.write(image))

    def sparse(f):  # twice as large, a twentieth of it data
        f.truncate(2 * len(first))
        for _ in range(len(first) // 10 // REGION or 1):
            f.seek(rng.randrange(2 * len(first) // REGION) * REGION)
            at = rng.randrange(len(first) // 3, len(first) // REGION * REGION
                               - REGION)
            f.write(first[at:at + REGION])
    put(path('sparse.raw'), sparse)


def put(path, write):
    if not os.path.exists(path):
        with open(path + '.new', 'wb') as f:
            write(f)
        os.rename(path + '.new', path)


def volume(c, label, image_bytes):
    """A volume as large as the image, in whole GiB as Cinder has it."""
    vid = c.volume(label, label)
    c.db.volume_update(c.ctxt, vid, {'size': -(-image_bytes // GIB)})
    return vid


def back_up(directory):
    make_images(directory)
    rows, made = {}, {}
    share = os.path.join(directory, 'share')
    os.makedirs(share)
    with tempfile.TemporaryDirectory() as state:
        c = cinder_in_process.Cinder(share, state)
        for label, image, vol, algorithm, file_size, parent in BACKUPS:
            with open(os.path.join(directory, image), 'rb') as f:
                data = f.read()
            if vol not in made:
                made[vol] = volume(c, vol, len(data))
            start = time.monotonic()
            b = c.backup(label, made[vol], data, algorithm, file_size,
                         parent=parent and rows[parent]['id'])
            sys.stderr.write('backed up %s in %.1f s\n' % (
                label, time.monotonic() - start))
            rows[label] = {'id': b.id, 'volume': vol, 'image': image,
                           'container': b.container, 'parent': parent,
                           'prefix': b.service_metadata}
    put(os.path.join(directory, 'rows.json'), lambda f: f.write(
        json.dumps(rows, indent=1).encode()))


def peak_bytes():
    with open('/proc/self/status') as f:
        for line in f:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * KIB


def restore(directory, label, target):
    with open(os.path.join(directory, 'rows.json')) as f:
        rows = json.load(f)
    with tempfile.TemporaryDirectory() as state:
        c = cinder_in_process.Cinder(os.path.join(directory, 'share'), state)
        from eventlet import tpool
        chain, at = [], label
        while at:
            chain.insert(0, at)
            at = rows[at]['parent']
        vid = volume(c, rows[label]['volume'], GIB)
        for at in chain:
            row = rows[at]
            c.db.backup_create(c.ctxt, {
                'id': row['id'], 'user_id': c.ctxt.user_id,
                'project_id': c.ctxt.project_id, 'volume_id': vid,
                'status': 'restoring', 'container': row['container'],
                'service_metadata': row['prefix'], 'size': 1,
                'parent_id': row['parent'] and rows[row['parent']]['id'],
                'service': 'cinder.backup.drivers.nfs.NFSBackupDriver'})
        b = c.objects.Backup.get_by_id(c.ctxt, rows[label]['id'])
        driver = c.posix.PosixBackupDriver(c.ctxt, backup_path=c.share)
        to = volume(c, 'target', GIB)
        tpool.Proxy(os).getpid()    # starts the threads
        with open(target, 'wb') as f:
            u = resource.getrusage(resource.RUSAGE_SELF)
            start = time.monotonic()
            driver.restore(b, to, tpool.Proxy(f))
            seconds = time.monotonic() - start
            v = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({
            'seconds': seconds, 'peak_bytes': peak_bytes(),
            'cpu_seconds': v.ru_utime + v.ru_stime - u.ru_utime - u.ru_stime}))


def main():
    if sys.argv[1] == 'backup':
        back_up(*sys.argv[2:])
    else:
        restore(*sys.argv[2:])
    sys.stdout.flush()
    os._exit(0)     # without waiting for Cinder's threads


if __name__ == '__main__':
    main()
