package cmdline

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/restorefs/restorefs/cmd/wording"
)

// minRate is the least --bwlimit, in bytes a second: with less, a GiB takes more than three days.
const minRate = 4 << 10

var bitRate = regexp.MustCompile(`^(?i)([0-9.]+) ?([kmg]?)(?:bits?|bps)$`)

// ParseRate parses --bwlimit and returns bytes a second: a size, with or without /s, or bits as
// networks count them, such as 40Mbit, whose units are decimal.
func ParseRate(s string) (int64, error) {
	t := strings.TrimSpace(s)
	if i := len(t) - len("/s"); i > 0 && strings.EqualFold(t[i:], "/s") {
		t = strings.TrimSpace(t[:i])
	}
	n, err := ParseSize(t)
	if m := bitRate.FindStringSubmatch(t); m != nil {
		bits, bad := strconv.ParseFloat(m[1], 64)
		if bad != nil {
			return 0, Usagef("%q is not a rate such as 5M, 50MiB or 40Mbit", s)
		}
		unit := map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[strings.ToLower(m[2])]
		n, err = int64(min(bits*unit/8, 1<<60)), nil
	}
	if err != nil || n >= minRate || strings.Trim(s, "0") == "" { // 0: no limit
		return n, err
	}
	mib := "50"
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		mib = s
	}
	return 0, Usagef(
		"--bwlimit %s is %s a second, and 4KiB is the least; a number alone is bytes, "+
			"MiB are written as %sMiB", s, wording.Count(int(n), "byte"), mib)
}

// ParseSize parses a size such as 4096, 64M, 256MiB or 1.5G; all units are binary.
func ParseSize(s string) (int64, error) {
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
	return 0, Usagef("%q is not a size such as 4096, 64M or 1.5GiB", s)
}

// ParsePart parses a part such as 5% or 0.05; "" is 0.
func ParsePart(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return 0, Usagef("%q is not a part such as 5%% or 0.05", s)
	}
	if v == 1 {
		return 0, nil // all of it
	}
	return v, nil
}
