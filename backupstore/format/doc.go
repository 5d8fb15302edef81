// Package format reads what Cinder's chunked backup driver writes beside the objects of a backup:
// file names, the _metadata JSON (with volume_meta, a JSON text inside it) and the _sha256file JSON
// (cinder/backup/chunkeddriver.py, cinder/backup/drivers/posix.py, cinder/backup/driver.py).
//
// It parses and checks; it does not choose what is read when, and knows no chain. All input is
// hostile until it has passed through here: the names, offsets, lengths and counts that it returns
// are within their documented bounds.
package format

// MaxVolumeBytes bounds every accepted offset, length and size (1 EiB), so that the sum of two of
// them cannot overflow.
const MaxVolumeBytes = 1 << 60
