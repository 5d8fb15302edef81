// Package cinderconf finds out from Cinder's configuration where its backups
// are.
//
// It owns the rules by which oslo.config reads files, as far as the options of
// the NFS, posix, S3, Swift and Google drivers need them (oslo_config/iniparser.py and cfg.py;
// cinder/backup/drivers): options are "key = value" or
// "key: value" in the section DEFAULT, lines that begin with a space continue
// the previous value, a value may be in quotes, the last of repeated keys
// counts, $name and ${name} stand for other options, $$ and \$ for a dollar. It
// knows no other options, and does not look at the places that it finds.
//
// Files are read as a whole, up to MaxBytes. Errors quote nothing else of them,
// as they contain passwords.
package cinderconf
