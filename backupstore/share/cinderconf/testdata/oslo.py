#!/usr/bin/python3
"""What oslo.config makes of configurations (python3-oslo.config).

Reads texts as a JSON list from stdin, writes for each the values of the options
below, or null where it is not read.
"""
import json
import os
import sys
import tempfile

from oslo_config import cfg

OPTIONS = ['state_path', 'backup_mount_point_base', 'backup_share']
out = []
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, 'cinder.conf')
    for text in json.load(sys.stdin):
        with open(path, 'w', newline='', encoding='utf-8') as f:
            f.write(text)
        conf = cfg.ConfigOpts()
        conf.register_opts([
            cfg.StrOpt('state_path', default='/var/lib/cinder'),
            cfg.StrOpt('backup_mount_point_base', default='$state_path/backup_mount'),
            cfg.StrOpt('backup_share', default=''),
        ])
        try:
            conf(['--config-file', path], default_config_files=[], default_config_dirs=[])
            out.append([getattr(conf, name) for name in OPTIONS])
        except (cfg.Error, AttributeError, RecursionError, ValueError):
            out.append(None)
json.dump(out, sys.stdout)
