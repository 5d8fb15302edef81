"""Backups made by the installed Cinder in this process.

Used by make_fixtures.py. No service runs: the database is sqlite, made by
Cinder's migration, and PosixBackupDriver.backup() writes the files.
"""
import datetime
import os
import tempfile

from images import BLOCK, KIB, an_id


class Killed(Exception):
    """The backup service died here."""


class Half(object):
    """An object's file of which only half gets written."""

    def __init__(self, f):
        self.f = f

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.f.close()

    def write(self, data):
        self.f.write(memoryview(data)[:len(data) // 2])
        raise Killed()


class Cinder(object):
    service_name = 'cinder.backup.drivers.nfs.NFSBackupDriver'

    def __init__(self, share, state):
        import eventlet
        eventlet.monkey_patch()
        from oslo_config import cfg
        from oslo_utils import timeutils
        from cinder.common import config  # noqa: F401  registers options
        from cinder import objects
        objects.register_all()
        from cinder import context, rpc
        from cinder.backup import manager  # noqa: F401  registers options
        from cinder.backup.drivers import posix
        from cinder.db import api as db
        from cinder.db import migration
        self.share, self.db, self.objects, self.posix = (share, db, objects,
                                                         posix)
        self.conf, self.timeutils = cfg.CONF, timeutils
        conf_file = os.path.join(state, 'cinder.conf')
        with open(conf_file, 'w') as f:
            f.write('[DEFAULT]\nstate_path = %s\nhost = backup-1\n'
                    'transport_url = fake:/\n'
                    'backup_enable_progress_timer = false\n'
                    '[database]\nconnection = sqlite:///%s/cinder.sqlite\n'
                    '[oslo_messaging_notifications]\ndriver = noop\n'
                    % (state, state))
        self.conf([], project='cinder', default_config_files=[conf_file])
        migration.db_sync()
        rpc.init(self.conf)
        self.ctxt = context.RequestContext(
            user_id='0a8f5c1e7d2b4c6f8e9d0b1a2c3d4e5f',
            project_id='5f1d8d6c3b0a4f8d9a4c0c6a4c3e2b11',
            is_admin=True, overwrite=True)
        self.clock = datetime.datetime(2026, 1, 5, 10, 0, 0)
        timeutils.set_time_override(self.clock)
        self.type_id = an_id('volume type')
        db.volume_type_create(self.ctxt, {'id': self.type_id, 'name': 'ssd',
                                          'extra_specs': {}})
        self.service = db.service_create(self.ctxt, {
            'host': 'node-1@lvm', 'binary': 'cinder-volume',
            'topic': 'cinder-volume', 'report_count': 0,
            'availability_zone': 'nova', 'uuid': an_id('service')})['uuid']

    def driver(self):
        return self.posix.PosixBackupDriver(self.ctxt, backup_path=self.share)

    def tick(self, microseconds):
        """One hour later, on the second: MySQL's DATETIME keeps no more."""
        self.clock += datetime.timedelta(hours=1)
        self.timeutils.set_time_override(
            self.clock.replace(microsecond=microseconds))

    def volume(self, label, name=None, description=None, bootable=False,
               metadata=None, glance=None, encryption_key_id=None):
        vid = an_id('volume ' + label)
        now = self.timeutils.utcnow()
        self.db.volume_create(self.ctxt, {
            'id': vid, 'user_id': self.ctxt.user_id,
            'project_id': self.ctxt.project_id, 'host': 'node-1@lvm#LVM',
            'size': 1, 'availability_zone': 'nova', 'status': 'backing-up',
            'attach_status': 'detached', 'scheduled_at': now,
            'launched_at': now, 'display_name': name,
            'display_description': description, 'bootable': bootable,
            'encryption_key_id': encryption_key_id,
            'provider_location': '127.0.0.1:3260,1 iqn.2010-10.org.openstack'
                                 ':volume-%s iscsi 0' % vid,
            'volume_type_id': self.type_id, 'service_uuid': self.service,
            'shared_targets': False, 'use_quota': True,
            'metadata': metadata or {}, 'admin_metadata': {}})
        if glance:
            self.db.volume_glance_metadata_bulk_create(self.ctxt, vid, glance)
        return vid

    def backup(self, label, volume_id, image, algorithm='zlib',
               file_size=256 * KIB, sha_block=BLOCK, parent=None, name=None,
               description=None, container=None, kill=None, microseconds=0):
        """Run the driver. kill: an object's number, or 'metadata'."""
        self.tick(microseconds)
        c = self.conf
        c.set_override('backup_compression_algorithm', algorithm)
        c.set_override('backup_file_size', file_size)
        c.set_override('backup_sha_block_size_bytes', sha_block)
        self.db.backup_create(self.ctxt, {
            'id': an_id('backup ' + label), 'user_id': self.ctxt.user_id,
            'project_id': self.ctxt.project_id, 'volume_id': volume_id,
            'display_name': name, 'display_description': description,
            'status': 'creating', 'container': container, 'size': 1,
            'parent_id': parent, 'host': 'backup-1',
            'availability_zone': 'nova',
            'service': self.service_name})
        b = self.objects.Backup.get_by_id(self.ctxt, an_id('backup ' + label))
        driver = self.driver()
        if kill == 'metadata':
            def die(*args, **kwargs):
                raise Killed()
            driver._write_metadata = die
        elif kill:
            writer = driver.get_object_writer
            driver.get_object_writer = lambda cont, obj, extra_metadata=None: (
                Half(writer(cont, obj)) if obj.endswith('-%05d' % kill)
                else writer(cont, obj))
        with tempfile.NamedTemporaryFile() as f:
            f.write(image)
            f.seek(0)
            try:
                driver.backup(b, f)
            except Killed:
                if not kill:
                    raise
        self.settings = {'file_size': file_size, 'sha_block': sha_block}
        b.status = 'available'
        b.save()
        return b

    def volume_fields(self, vid):
        v = self.db.volume_get(self.ctxt, vid)
        return {'volume_name': v.display_name, 'bootable': bool(v.bootable),
                'volume_description': v.display_description,
                'volume_metadata': self.db.volume_metadata_get(self.ctxt, vid),
                'encryption_key_id': v.encryption_key_id or '',
                'volume_gib': v.size}

    def delete(self, b):
        self.driver().delete_backup(b)
