package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// formatSize formats bytes for people, in binary units.
func formatSize(n int64) string {
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

// volumeSize formats the size of a backup's volume for people. No volume has the size 0: the
// backup's _metadata is missing or unusable.
func volumeSize(n int64) string {
	if n == 0 {
		return "size not known"
	}
	return formatSize(n)
}

// minRate is the least --bwlimit, in bytes a second: with less, a GiB takes more than three days.
const minRate = 4 << 10

// parseRate parses --bwlimit, bytes a second.
func parseRate(s string) (int64, error) {
	n, err := parseSize(s)
	if err != nil || n >= minRate || strings.Trim(s, "0") == "" { // 0: no limit
		return n, err
	}
	mib := "50"
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		mib = s
	}
	return 0, usagef("--bwlimit %s is %s a second, and 4KiB is the least; a number alone is bytes, MiB are written as %sMiB", s, counted(int(n), "byte"), mib)
}

// parseSize parses a size such as 4096, 64M, 256MiB or 1.5G; all units are binary.
func parseSize(s string) (int64, error) {
	t := strings.ToUpper(strings.TrimSpace(s))
	t = strings.TrimSuffix(strings.TrimSuffix(t, "B"), "I")
	shift := 0
	if i := strings.IndexAny(t, "KMGTP"); i >= 0 && i == len(t)-1 {
		shift = 10 * (strings.IndexByte("KMGTP", t[i]) + 1)
		t = t[:i]
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
	if n := v * math.Pow(2, float64(shift)); err == nil && n >= 0 && n < 1<<62 {
		return int64(n), nil
	}
	return 0, usagef("%q is not a size such as 4096, 64M or 1.5GiB", s)
}
