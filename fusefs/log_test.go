package fusefs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestEveryLineOfGoFuseIsAWarningUnlessItsReaderHasGone(t *testing.T) {
	for line, level := range map[string]string{
		"writer: Write/Writev failed, err: 2=no such file or directory. opcode: READ":      "DEBUG",
		"writer: Write/Writev failed, err: 5=input/output error. opcode: READ":             "WARN",
		"writer: Write/Writev failed, err: 22=invalid argument. opcode: READ":              "WARN",
		"Failed to read from fuse conn: 2=no such file or directory":                       "WARN",
		"x writer: Write/Writev failed, err: 2=no such file or directory. opcode: READ":    "WARN",
		"writer: Write/Writev failed, err: 2=no such file or directory, and something new": "WARN",
	} {
		var out bytes.Buffer
		requestLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).Print(line)
		if got := out.String(); !strings.Contains(got, "level="+level) || !strings.Contains(got, line) || strings.Count(got, "\n") != 1 {
			t.Errorf("%q, not %s: %s", line, level, got)
		}
	}
}
