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
		"info: asked again: timeout (share /srv\ufffd[2J\ufffdx, nfs.after 1s)\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", &out, want)
	}
}
