// Package format reads what Cinder's chunked backup driver writes beside the
// objects of a backup: file names, the _metadata JSON (with volume_meta, a
// JSON text inside it) and the _sha256file JSON (cinder/backup/chunkeddriver.py,
// cinder/backup/drivers/posix.py, cinder/backup/driver.py).
//
// It parses and checks; it has no policy of I/O and knows no chain. All input
// is hostile until it has passed through here: names, offsets, lengths and
// counts that it hands out are within the bounds documented on them.
package format

// MaxVolumeBytes bounds every offset, length and size that is accepted (1 EiB),
// so that sums of two of them cannot overflow.
const MaxVolumeBytes = 1 << 60
