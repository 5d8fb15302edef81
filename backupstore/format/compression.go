package format

import (
	"fmt"
	"slices"
	"strings"
)

// Compression is how one object is stored.
type Compression uint8

// The compressions that Cinder knows.
const (
	None  Compression = iota + 1 // the plain bytes
	Zlib                         // an RFC 1950 stream, also under the name "gzip"
	Bzip2                        // bzip2
	Zstd                         // RFC 8878
)

// compressionNames are those that Cinder accepts (chunkeddriver.py, _get_compressor), its first one
// first.
var compressionNames = [...][]string{
	None:  {"none", "off", "no"},
	Zlib:  {"zlib", "gzip"},
	Bzip2: {"bz2", "bzip2"},
	Zstd:  {"zstd"},
}

// String returns Cinder's first name for the compression.
func (c Compression) String() string {
	if int(c) < len(compressionNames) && compressionNames[c] != nil {
		return compressionNames[c][0]
	}
	return fmt.Sprintf("Compression(%d)", uint8(c))
}

// ParseCompression accepts every name that Cinder accepts, in any letter case.
func ParseCompression(s string) (Compression, error) {
	if c := compressionOf(strings.ToLower(s)); c != 0 {
		return c, nil
	}
	return 0, fmt.Errorf("%w %q", ErrCompression, clip(s))
}

// compressionOf returns the compression of that name in small letters, 0 if there is none.
func compressionOf(name string) Compression {
	for c, names := range compressionNames {
		if slices.Contains(names, name) {
			return Compression(c)
		}
	}
	return 0
}
