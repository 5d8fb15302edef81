package safetext

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"unicode/utf8"
)

// nasty has what a terminal acts upon, or hides, or draws elsewhere.
const nasty = "a\x1b[31m\u009b31m\u0085\x7f\u202eb\u2066\u200f\ufeff\U000e0041\u061c\u2028z"

func TestWhatIsPrintedSteersNoTerminal(t *testing.T) {
	safe := func(what, text string) {
		t.Helper()
		for _, r := range text {
			if r != '\n' && Steers(r) {
				t.Errorf("%s: %U in %q", what, r, text)
			}
		}
	}
	safe("text", Printable(nasty))
	text, err := JSON(map[string]string{nasty: nasty}, true)
	if err != nil {
		t.Fatal(err)
	}
	safe("JSON", string(text))
	var back map[string]string
	if err := json.Unmarshal(text, &back); err != nil || back[nasty] != nasty {
		t.Errorf("JSON lost something: %q, %v", back, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(Log{W: &log}, nil)).Warn(nasty, "name", nasty)
	safe("the log as JSON", log.String())
	log.Reset()
	slog.New(slog.NewTextHandler(&log, nil)).Warn(nasty, "name", nasty)
	safe("the log", log.String())
	for _, plain := range []string{"", "Grüße, 日本語, \U0001f469\u200d\U0001f52c", "a <b> & \"c\" \\ d"} {
		if Printable(plain) != plain {
			t.Errorf("%q became %q", plain, Printable(plain))
		}
	}
	if text, _ := JSON("a <b> Grüße", false); string(text) != "\"a <b> Grüße\"\n" {
		t.Errorf("%s", text)
	}
}

func TestLongTextIsCutWherePeopleReadIt(t *testing.T) {
	for s, want := range map[string]string{"": "", "äöü": "äöü", "äöüß": "äöü... (4 characters)", "abcdefgh": "abc... (8 characters)"} {
		if got := Cut(s, 3); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: %q", s, got)
		}
	}
}
