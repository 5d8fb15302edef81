package wording

import (
	"fmt"
	"math"
)

// Count returns a number of things: "1 argument", "2 arguments".
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Size formats bytes for people, in binary units.
func Size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 || v == math.Trunc(v) {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// VolumeSize formats the size of a backup's volume for people. No volume has the size 0: the
// backup's _metadata is missing or unusable.
func VolumeSize(n int64) string {
	if n == 0 {
		return "size not known"
	}
	return Size(n)
}
