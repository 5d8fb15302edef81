#!/usr/bin/python3
"""Backups that the installed Cinder's own drivers write into object stores.

    write_backups.py DIR WAY=DRIVER...    DRIVER is nfs,
                                          s3,ENDPOINT,ACCESS,SECRET or
                                          swift,AUTHURL,USER,KEY

WAY is any name. By each way the same volumes are backed up: whole ones of all algorithms, and a
chain whose parent is in another bucket. nfs writes below DIR/nfs. What
Cinder's driver itself restores of each backup is in DIR/restored/ID; on stdout
is, as JSON, what was written: by its way, label, ID, parent, bucket, key.
"""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../../../backupstore/testdata'))
import cinder_in_process  # noqa: E402
from images import BLOCK, KIB, an_id, change, disk  # noqa: E402


class Stores(cinder_in_process.Cinder):
    """way is the driver by which backups are written."""

    def go_by(self, way, where):
        self.way = way
        options = {}
        if way == 's3':
            from cinder.backup.drivers import s3 as module
            self.make = module.S3BackupDriver
            options = dict(zip(('backup_s3_endpoint_url',
                                'backup_s3_store_access_key',
                                'backup_s3_store_secret_key'), where))
        elif way == 'swift':
            from cinder.backup.drivers import swift as module
            self.make = module.SwiftBackupDriver
            options = dict(zip(('backup_swift_auth_url', 'backup_swift_user',
                                'backup_swift_key'), where),
                           backup_swift_auth='single_user')
        if options:
            self.service_name = 'cinder.backup.drivers.%s.%s' % (
                way, self.make.__name__)
            options['backup_%s_enable_progress_timer' % way] = False
            options['backup_%s_object_size' % way] = 256 * KIB
            options['backup_%s_block_size' % way] = BLOCK
        for name, value in options.items():
            self.conf.set_override(name, value)

    def driver(self):
        if self.way == 'nfs':
            return super().driver()
        return self.make(self.ctxt)

    def restored(self, b, directory):
        """What the driver restores, into a file named after the backup."""
        b.status = 'restoring'
        b.save()
        with open(os.path.join(directory, b.id), 'wb') as f:
            self.driver().restore(b, b.volume_id, f)
        b.status = 'available'
        b.save()


def images():
    """Label, algorithm, parent's label, bucket and image of each backup."""
    whole = disk('ttzzttzrttzzttzt', 'stores')
    for algorithm in ('zlib', 'bz2', 'zstd', 'none'):
        yield 'full ' + algorithm, algorithm, None, 'volumebackups', whole
    image, parent = disk('ttttzzttttrttttz', 'chain'), None
    for i, (algorithm, bucket) in enumerate((
            ('zlib', 'otherbucket'), ('zstd', 'volumebackups'),
            ('none', 'volumebackups'))):
        yield 'chain %d' % i, algorithm, parent, bucket, image
        parent = 'chain %d' % i
        image = change(image, 'v%d' % i, {i: 't', 4 + i: 't', 8 + i: 'z'})


def main(directory, ways):
    share = os.path.join(directory, 'nfs')
    restored = os.path.join(directory, 'restored')
    os.mkdir(share)
    os.mkdir(restored)
    out = []
    with tempfile.TemporaryDirectory(dir=directory) as state:
        c = Stores(share, state)
        for n, way in enumerate(ways):
            way, _, where = way.partition('=')
            driver, *where = where.split(',')
            c.go_by(driver, where)
            ids = {}
            for label, algorithm, parent, bucket, image in images():
                name = '%d %s' % (n, label)
                volume = '%d %s' % (n, 'chain' if 'chain' in label else label)
                if parent is None:
                    c.volume(volume, name=label)
                b = c.backup(name, an_id('volume ' + volume), image,
                             algorithm=algorithm, parent=ids.get(parent),
                             name=label,
                             container=None if driver == 'nfs' else bucket)
                ids[label] = b.id
                c.restored(b, restored)
                out.append({'way': way, 'label': label, 'id': b.id,
                            'parent': ids.get(parent, ''),
                            'bucket': b.container, 'key': b.service_metadata,
                            'objects': b.object_count})
    json.dump(out, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main(os.path.abspath(sys.argv[1]), sys.argv[2:])
