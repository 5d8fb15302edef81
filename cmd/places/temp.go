package places

import (
	"fmt"
	"os"
)

// Temp makes a directory for this run that other users cannot enter.
func Temp(prefix string) (string, error) {
	dir, err := os.MkdirTemp("", prefix) // 0700
	if err != nil {
		return "", fmt.Errorf("make a directory in %s, "+
			"which is for temporary files (TMPDIR chooses another): %w",
			os.TempDir(), err)
	}
	return dir, nil
}
