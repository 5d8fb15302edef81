#!/usr/bin/python3
"""What Cinder's own code makes of a volume's metadata (python3-cinder).

Reads cases as JSON from stdin and writes the states they end in: each chain's
volume_meta is put by cinder.backup.driver.BackupMetadataAPI to a database that
is a few dictionaries. The end is that of BackupManager.restore_backup.
"""
import json
import sys

from cinder.backup import driver


class Database:
    def __init__(self, present):
        self.volume = {'display_name': present['name'], 'display_description': present['description'],
                       'bootable': present['bootable'], 'encryption_key_id': None, 'volume_type_id': 'type'}
        self.metadata = dict(present['metadata'] or {})
        self.image = dict(present['image_metadata'] or {})

    def volume_get(self, context, volume_id):
        return self.volume

    def volume_update(self, context, volume_id, values):
        self.volume.update(values)

    def volume_metadata_update(self, context, volume_id, metadata, delete):
        if delete:
            self.metadata.clear()
        self.metadata.update(metadata)

    def volume_glance_metadata_delete_by_volume(self, context, volume_id):
        self.image.clear()

    def volume_glance_metadata_create(self, context, volume_id, key, value):
        self.image[key] = value


def volume_meta(layer):
    meta = {'version': layer['Version'], 'volume-base-metadata': {
        'display_name': layer['Name'], 'display_description': layer['Description'], 'bootable': layer['Bootable'],
        'encryption_key_id': layer['EncryptionKeyID'], 'volume_type_id': 'type'}}
    if layer['Metadata'] is not None:
        meta['volume-metadata'] = layer['Metadata']
    if layer['Image'] is not None:
        meta['volume-glance-metadata'] = layer['Image']
    return json.dumps(meta)


def end(case):
    api = driver.BackupMetadataAPI.__new__(driver.BackupMetadataAPI)
    api.context, api.db, api._key_mgr = None, Database(case['present']), None
    for layer in reversed(case['chain']):
        if layer is not None:
            api.put(case['target'], volume_meta(layer))
    db = api.db
    old = db.metadata.get('src_backup_id')
    if case['source'] != case['target'] or (old and old != case['backup']):
        db.metadata['src_backup_id'] = case['backup']
    return {'name': db.volume['display_name'], 'description': db.volume['display_description'], 'metadata': db.metadata,
            'image_metadata': db.image, 'bootable': db.volume['bootable'],
            'encryption_key_id': db.volume['encryption_key_id']}


json.dump([end(case) for case in json.load(sys.stdin)], sys.stdout)
