package main

import (
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// cinderVersion is the major version of the installed python3-cinder, as dpkg
// knows it: "2:21.3.1-1~deb12u1" is 21.
func cinderVersion(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "python3-cinder").Output()
	if err != nil {
		t.Fatalf("which version has python3-cinder? %v", err)
	}
	m := majorVersion.FindSubmatch(out)
	if m == nil {
		t.Fatalf("python3-cinder has the version %q", out)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var majorVersion = regexp.MustCompile(`^(?:\d+:)?(\d+)\.`)

// bringsZerosBack reports whether this Cinder's own restore of a chain to a new volume skips zeros
// in incremental backups too, so that the full one's data reappears there: 23.0.0 (2023.2) to 28,
// since commit b75c29c7. 29.0.0 skips them in the full backup only (chunkeddriver.py,
// volume_is_new).
func bringsZerosBack(version int) bool { return 23 <= version && version <= 28 }

// cinderRestoresRight reports whether Cinder's restore to a new volume can be compared with the
// content of an incremental backup with new zeros. If not, it logs why.
func cinderRestoresRight(t *testing.T) bool {
	t.Helper()
	v := cinderVersion(t)
	if bringsZerosBack(v) {
		t.Logf("Cinder %d's own restore brings back what was zeroed: not compared", v)
	}
	return !bringsZerosBack(v)
}

func TestTheReleasesThatBringZeroedBlocksBack(t *testing.T) {
	for version, want := range map[int]bool{21: false, 22: false, 23: true, 26: true, 28: true,
		29: false, 30: false} {
		if got := bringsZerosBack(version); got != want {
			t.Errorf("%d: %v", version, got)
		}
	}
	for text, want := range map[string]string{"2:21.3.1-1~deb12u1": "21", "2:29.0.0-3": "29",
		"28.0.0": "28"} {
		if m := majorVersion.FindStringSubmatch(text); m == nil || m[1] != want {
			t.Errorf("%s: %v", text, m)
		}
	}
}
