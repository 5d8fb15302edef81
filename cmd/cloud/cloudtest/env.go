package cloudtest

import (
	"os"
	"strings"
)

// Setenv replaces all variables about a cloud in the process's environment by env, until restore is
// called. Tests that call it must not be parallel.
func Setenv(env []string) (restore func()) {
	before := os.Environ()
	ours := func(pair string) bool {
		return strings.HasPrefix(pair, "OS_") || strings.HasPrefix(pair, "CINDER_ENDPOINT=")
	}
	replace := func(env []string) {
		for _, pair := range os.Environ() {
			if name, _, _ := strings.Cut(pair, "="); ours(pair) {
				os.Unsetenv(name)
			}
		}
		for _, pair := range env {
			if name, value, _ := strings.Cut(pair, "="); ours(pair) {
				os.Setenv(name, value)
			}
		}
	}
	replace(env)
	return func() { replace(before) }
}
