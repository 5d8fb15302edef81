#!/usr/bin/python3
"""A whole Cinder in one process: API, scheduler, volume and backup services.

run_cinder.py STATE PORT BACKUPS [KEYSTONE_URL]

Real are the services, the NFS volume driver and the NFS backup driver; a bind
mount stands for each NFS share, put where os-brick looks for a mount before it
makes one. So no kernel NFS is needed; but a mount namespace of one's own is:
run it by "unshare --mount --pid --fork --kill-child --mount-proc".

STATE/volumes holds volume-<id>, the raw disks; BACKUPS is what the backup share
holds, and is STATE/backup_mount/<md5> to Cinder. Without KEYSTONE_URL whoever
asks is an admin (auth_strategy noauth). Prints READY. Ends when its input does,
and with it all that it mounted.
"""
import hashlib
import os
import sqlite3
import subprocess
import sys
import threading

STATE, PORT, BACKUPS = sys.argv[1:4]
KEYSTONE = sys.argv[4] if len(sys.argv) > 4 else ''
HERE = os.path.dirname(os.path.abspath(__file__))


def end_with_input():
    while os.read(0, 1):
        pass
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()


def share(name, directory, base):
    mount = os.path.join(base, hashlib.md5(name.encode()).hexdigest())
    for d in (directory, mount):
        os.makedirs(d, exist_ok=True)
    subprocess.run(['mount', '--bind', directory, mount], check=True)


share('127.0.0.1:/volumes', STATE + '/volumes', STATE + '/mnt')
share('127.0.0.1:/backups', BACKUPS, STATE + '/backup_mount')
os.makedirs(STATE + '/bin')
os.makedirs(STATE + '/images')
with open(STATE + '/shares', 'w') as f:
    f.write('127.0.0.1:/volumes\n')
# The driver wants the one program, although nothing is left to be mounted, and
# os-brick the other one, where the machine has no DMI.
for program in ('mount.nfs', 'dmidecode'):
    with open(STATE + '/bin/' + program, 'w') as f:
        f.write('#!/bin/sh\nexit 1\n')
    os.chmod(STATE + '/bin/' + program, 0o755)
os.environ['PATH'] = STATE + '/bin:/usr/sbin:/usr/bin:/sbin:/bin'
with open(HERE + '/cinder.conf') as f:
    conf = f.read()
with open(STATE + '/cinder.conf', 'w') as f:
    f.write(conf % {'state': STATE, 'port': PORT, 'here': HERE,
                    'auth': 'keystone' if KEYSTONE else 'noauth',
                    'keystone': KEYSTONE})

import eventlet  # noqa: E402
eventlet.monkey_patch()
# As cinder.cmd.* do: https://github.com/eventlet/eventlet/issues/592
import __original_module_threading as orig_threading  # noqa: E402
orig_threading.current_thread.__globals__['_active'] = threading._active

import logging as python_logging  # noqa: E402
import os_brick  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_log import log as logging  # noqa: E402
from oslo_privsep import priv_context  # noqa: E402
from oslo_service import service as oslo_service  # noqa: E402
from cinder import i18n  # noqa: E402
i18n.enable_lazy()
from cinder.common import config  # noqa: E402,F401
from cinder.common import constants  # noqa: E402
from cinder.db import api as db_api  # noqa: E402,F401
from cinder.db import migration  # noqa: E402
from cinder import context, objects, rpc, service, utils, version  # noqa: E402
# They register their options.
from cinder.cmd import api, backup, scheduler, volume  # noqa: E402,F401

CONF = cfg.CONF
objects.register_all()
CONF(['--config-file', STATE + '/cinder.conf'], project='cinder',
     version=version.version_string())
logging.setup(CONF, 'cinder')
python_logging.captureWarnings(True)
# Tests cut disks short, so that a backup of one takes a second and not ten. The
# driver would take such a disk for forged.
from cinder.volume.drivers import nfs  # noqa: E402
ask = nfs.NfsDriver._qemu_img_info


def rounded_up(*args):
    info = ask(*args)
    info.virtual_size += -info.virtual_size % 2**30
    return info


nfs.NfsDriver._qemu_img_info = rounded_up

migration.db_sync()
# Otherwise "database is locked" as soon as two write.
db = sqlite3.connect(STATE + '/cinder.sqlite')
db.execute('PRAGMA journal_mode=WAL')
db.close()
# Root needs neither sudo nor rootwrap.
priv_context.init(root_helper=['env'])
utils.monkey_patch()
os_brick.setup(CONF)
rpc.init(CONF)
launcher = oslo_service.ServiceLauncher(CONF, restart_method='mutate')
launcher.launch_service(service.Service.create(binary='cinder-scheduler'))
launcher.launch_service(service.Service.create(
    host=CONF.host + '@nfs1', service_name='nfs1',
    binary=constants.VOLUME_BINARY, coordination=True))
backups = service.Service.create(
    binary='cinder-backup', coordination=True, service_name='backup',
    process_number=1, semaphore=utils.semaphore_factory(0, 1))
launcher.launch_service(backups)
launcher.launch_service(service.WSGIService('osapi_volume'))
# It tells the scheduler that it works, or not yet, and then not for a minute.
while not backups.manager.is_working():
    eventlet.sleep(0.1)
backups.manager.publish_service_capabilities(context.get_admin_context())
print('READY', flush=True)
launcher.wait()
