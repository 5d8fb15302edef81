#!/usr/bin/python3
"""A whole Keystone in one process: sqlite, loopback, state in one directory.

run_keystone.py STATE PORT CINDER_URL

Makes the database at its first start, with the users admin/secret (role admin
in project admin and, as Cinder's own user, in project service) and demo/demo
(role member in project demo), and an endpoint of Cinder. Prints READY. Ends
when its input does, so that it outlives no test.
"""
import os
import sqlite3
import sys
import threading
import uuid
import wsgiref.simple_server

STATE, PORT, CINDER = sys.argv[1:]
URL = 'http://127.0.0.1:%s/v3' % PORT
CONF_FILE = os.path.join(STATE, 'keystone.conf')
sys.argv[1:] = []


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()

for d in ('fernet', 'cred'):
    os.makedirs(os.path.join(STATE, d), mode=0o700)
with open(CONF_FILE, 'w') as f:
    f.write('''[DEFAULT]
use_stderr = false
log_file = {0}/keystone.log
[database]
connection = sqlite:///{0}/keystone.sqlite
[fernet_tokens]
key_repository = {0}/fernet
[fernet_receipts]
key_repository = {0}/fernet
[credential]
key_repository = {0}/cred
[identity]
password_hash_rounds = 4
[cache]
enabled = false
'''.format(STATE))

from keystone.cmd import bootstrap  # noqa: E402
from keystone.common import fernet_utils  # noqa: E402
from keystone.common.sql import upgrades  # noqa: E402
from keystone.server.flask import core  # noqa: E402


def make_database():
    upgrades.offline_sync_database_to_version()
    # Otherwise "database is locked" as soon as two write.
    db = sqlite3.connect(os.path.join(STATE, 'keystone.sqlite'))
    db.execute('PRAGMA journal_mode=WAL')
    db.close()
    fernet_utils.FernetUtils(os.path.join(STATE, 'fernet'), 3,
                             'fernet_tokens').initialize_key_repository()


app = core.initialize_application('public', make_database, [CONF_FILE])


def fill():
    bootstrap.backends.load_backends = lambda: None  # they are
    b = bootstrap.Bootstrapper()
    b.admin_username, b.admin_password = 'admin', 'secret'
    b.project_name, b.admin_role_name = 'admin', 'admin'
    b.service_name, b.region_id = 'keystone', 'RegionOne'
    b.public_url = b.internal_url = b.admin_url = URL
    b.bootstrap()
    p = bootstrap.PROVIDERS

    def project(name):
        i = uuid.uuid4().hex
        p.resource_api.create_project(i, {
            'id': i, 'name': name, 'domain_id': 'default', 'enabled': True,
            'description': ''})
        return i
    p.assignment_api.add_role_to_user_and_project(
        b.admin_user_id, project('service'), b.admin_role_id)
    demo = p.identity_api.create_user({
        'name': 'demo', 'password': 'demo', 'domain_id': 'default',
        'enabled': True})
    p.assignment_api.add_role_to_user_and_project(
        demo['id'], project('demo'), b.member_role_id)
    service, endpoint = uuid.uuid4().hex, uuid.uuid4().hex
    p.catalog_api.create_service(service, {
        'id': service, 'type': 'volumev3', 'name': 'cinderv3',
        'enabled': True})
    p.catalog_api.create_endpoint(endpoint, {
        'id': endpoint, 'service_id': service, 'interface': 'public',
        'region_id': 'RegionOne', 'enabled': True,
        'url': CINDER + '/v3/$(project_id)s'})


fill()
# One request at a time: threads and sqlite gave errors 500 now and then.
wsgiref.simple_server.WSGIRequestHandler.log_message = lambda *a: None
server = wsgiref.simple_server.make_server('127.0.0.1', int(PORT), app)
print('READY', flush=True)
server.serve_forever()
