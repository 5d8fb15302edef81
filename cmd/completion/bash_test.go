package completion

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// What is inserted into a line is the word that was meant when the line is read again, whatever is
// in it.
func TestWhatIsInsertedIsReadAsTheSameWord(t *testing.T) {
	t.Parallel()
	const breaks = " \t\n\"'@><=;|&(:"
	letters := []rune("ab @:='\"\\$`!;&|<>(){}[]*?~#ü-._/%+,^\U0001F600")
	random := rand.New(rand.NewPCG(1, 2))
	written := 0
	for range 20000 {
		var name strings.Builder
		for range 1 + random.IntN(8) {
			name.WriteRune(letters[random.IntN(len(letters))])
		}
		word := name.String()
		quote := []string{"", `"`, `'`}[random.IntN(3)]
		// A beginning of it is there, as it may be typed.
		typed := ""
		if cut := random.IntN(len(letters)); cut%2 == 0 {
			before, ok := readBash("restorefs show "+quote, breaks).insert(word[:strings.IndexFunc(word+"x", func(r rune) bool { return r == 'b' || r == 'x' })])
			if ok {
				typed = before
			}
		}
		text := "restorefs show " + quote + typed
		line := readBash(text, breaks)
		more, ok := line.insert(word)
		if !ok {
			continue
		}
		written++
		// bash replaces what is behind the last character at which it breaks words.
		rest, _ := line.insert(line.words[len(line.words)-1])
		whole := readBash(strings.TrimSuffix(text, rest)+more+quote, breaks)
		if got := whole.words[len(whole.words)-1]; got != word || len(whole.words) != 2 || whole.open != 0 || whole.redirects {
			t.Fatalf("%q behind %q: %q, read as %q", word, text, more, whole.words)
		}
	}
	if written < 5000 {
		t.Errorf("only %d were written", written)
	}
}
