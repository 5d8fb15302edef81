package console

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatIsLoggedIsASentence(t *testing.T) {
	var out strings.Builder
	log := NewLogger(&out, slog.LevelInfo, Sentences)
	log.Debug("not wanted")
	log.Warn("bytes are lost", "backup", "a08e", "offset", 65536, "reason", "the object is cut")
	log.With("share", "/srv\x1b[2J\nx").WithGroup("nfs").Info("asked again", "after", "1s",
		"empty", "", slog.Any("err", errors.New("timeout")))
	want := "warning: bytes are lost: the object is cut (backup a08e, offset 65536)\n" +
		"info: asked again: timeout (share /srv\ufffd[2J; x, nfs.after 1s)\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", &out, want)
	}
}

// What is said in several lines is said in one, and what is very long hides nothing that follows.
func TestALogsLinesAreWhole(t *testing.T) {
	for value, want := range map[any]string{
		errors.Join(errors.New("a: denied"), errors.New("b: denied")): "a: denied; b: denied",
		"goroutine 1:\n\tmain.go:5\n\n":                               "goroutine 1: main.go:5",
		strings.Repeat("x", 9000):                                     strings.Repeat("x", 8000),
	} {
		var out strings.Builder
		NewLogger(&out, slog.LevelInfo, Sentences).Error("cannot go on", "err", value, "backup", "a08e")
		if text := out.String(); !strings.HasPrefix(text, "error: cannot go on: "+want) ||
			!strings.HasSuffix(text, " (backup a08e)\n") || strings.Count(text, "\n") != 1 ||
			strings.Contains(text, "\ufffd") {
			t.Errorf("%.200s", text)
		}
	}
}
