// Package cinderconf finds in Cinder's configuration where its backups are.
//
// It owns the rules by which oslo.config reads files, as far as the options of
// the NFS and posix drivers need them (oslo_config/iniparser.py and cfg.py;
// cinder/backup/drivers/nfs.py and posix.py): options are "key = value" or
// "key: value" in the section DEFAULT, lines that begin with a space continue
// the value before, a value may be in quotes, of repeated keys the last counts,
// $name and ${name} stand for other options, $$ and \$ for a dollar. It leaves
// to others what is at the places it finds, and knows no other option.
//
// Files are small and read whole, of MaxBytes at most. What else is in them
// (there are passwords) appears in no error.
package cinderconf
