#!/usr/bin/python3
"""Debian's Swift in one process: account, container, object and proxy server.

    run_swift.py DIR HOST:PORT

The objects lie below DIR, on a file system with user xattrs. The proxy has
tempauth (user test:tester, key testing, at /auth/v1.0) and s3api (access key
test:tester, secret testing), and memcached beside it. It says READY when it
can be used, and ends when its input does.
"""
import os
import signal
import socket
import subprocess
import sys
import warnings

warnings.simplefilter('ignore')
import eventlet  # noqa: E402
read = os.read
eventlet.monkey_patch()
from eventlet import tpool, wsgi  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402
from swift.common.ring.builder import RingBuilder  # noqa: E402

COMMON = '''[DEFAULT]
swift_dir = %(dir)s/conf
devices = %(dir)s/devices
mount_check = false
bind_port = %(port)d
'''
BACKEND = COMMON + '''[pipeline:main]
pipeline = server
[app:server]
use = egg:swift#%(kind)s
fallocate_reserve = 0
'''
FILTERS = ['catch_errors', 'gatekeeper', 'healthcheck', 'cache',
           'listing_formats', 's3api', 'tempauth', 'copy', 'slo', 'dlo']
PROXY = COMMON + '''[pipeline:main]
pipeline = %(filters)s proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
''' + ''.join('[filter:%s]\nuse = egg:swift#%s\n%s' % (
    name, {'cache': 'memcache'}.get(name, name),
    {'cache': 'memcache_servers = 127.0.0.1:%(memcached)d\n',
     'tempauth': 'user_test_tester = testing .admin\n',
     's3api': 'location = us-east-1\n'}.get(name, '')) for name in FILTERS)


class Quiet(object):
    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def listen(host, port=0):
    return eventlet.listen((host, port), reuse_addr=True)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def main(directory, at):
    for name in ('conf', 'devices/d1'):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    conf = os.path.join(directory, 'conf')
    utils.SWIFT_CONF_FILE = os.path.join(conf, 'swift.conf')
    with open(utils.SWIFT_CONF_FILE, 'w') as f:
        f.write('[swift-hash]\nswift_hash_path_suffix = s\n'
                '[storage-policy:0]\nname = one\ndefault = yes\n')
    utils.validate_hash_conf()
    values = {'dir': directory, 'memcached': free_port(),
              'filters': ' '.join(FILTERS)}
    memcached = subprocess.Popen(
        ['memcached', '-u', 'root', '-l', '127.0.0.1', '-m', '32',
         '-p', str(values['memcached'])])
    serving = []

    def serve(kind, text, sock):
        path = os.path.join(conf, kind + '.conf')
        values.update(kind=kind, port=sock.getsockname()[1])
        with open(path, 'w') as f:
            f.write(text % values)
        app = loadapp(path, global_conf={'log_level': 'ERROR'})
        serving.append(eventlet.spawn(
            wsgi.server, sock, app, Quiet(), protocol=SwiftHttpProtocol,
            keepalive=True))

    for kind in ('account', 'container', 'object'):
        sock = listen('127.0.0.1')
        builder = RingBuilder(4, 1, 1)
        builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1',
                         'port': sock.getsockname()[1], 'device': 'd1',
                         'weight': 1, 'replication_ip': '127.0.0.1',
                         'replication_port': sock.getsockname()[1]})
        builder.rebalance()
        builder.get_ring().save(os.path.join(conf, kind + '.ring.gz'))
        serve(kind, BACKEND, sock)
    host, _, port = at.rpartition(':')
    serve('proxy', PROXY, listen(host, int(port)))

    def end():
        while read(0, 4096):
            pass
        memcached.kill()
        os.kill(os.getpid(), signal.SIGKILL)
    eventlet.spawn(tpool.execute, end)
    print('READY', flush=True)
    for thread in serving:
        thread.wait()


if __name__ == '__main__':
    main(*sys.argv[1:])
