package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Package needs64bit must have no file for those processors, not even a test: go build would then
// compile what it can before the error.
func TestABuildForAProcessorOf32BitsEndsWithTheReasonInItsName(t *testing.T) {
	for _, arch := range []string{"386", "arm", "mips", "mipsle"} {
		build := exec.Command("go", "build", "-o", os.DevNull, ".")
		build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		const reason = "imports github.com/restorefs/restorefs/cmd/restorefs/needs64bit: build constraints exclude all Go files"
		if err == nil || !strings.Contains(string(out), reason) ||
			strings.Count(string(out), "\n") > 3 {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
	}
}
