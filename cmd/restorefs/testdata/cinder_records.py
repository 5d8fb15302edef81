#!/usr/bin/python3
"""What Cinder's own code makes of backup_urls (python3-cinder).

Reads them as a JSON list from stdin. Each is decoded, put into the object of a
backup as BackupManager.import_record does, and encoded as for backup-export.
Writes the list of what is in the results.
"""
import json
import sys

from cinder import objects
from cinder.objects import backup

objects.register_all()

REQUIRED = {'display_name', 'display_description', 'container', 'size', 'service_metadata', 'object_count', 'id'}

out = []
for url in json.load(sys.stdin):
    record = backup.Backup.decode_record(url)
    missing = REQUIRED - set(record)
    if missing:
        sys.exit('missing: %s' % missing)
    info = record.pop('driver_info')
    b = backup.Backup()
    b.update(dict(record, updated_at=None))
    again = backup.Backup.decode_record(b.encode_record(driver_info=info))
    out.append(again)
json.dump(out, sys.stdout)
