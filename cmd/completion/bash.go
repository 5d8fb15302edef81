package completion

import "strings"

// bashLine is a command line as bash has it, up to the cursor.
type bashLine struct {
	words     []string // without their quotes and the program; the last one is being typed
	redirects bool     // the last word is where > or < leads
	// open is the quote in which the cursor is, 0 for none.
	open rune
	// head is the beginning of the last word, without quotes, that bash leaves as it is: it breaks
	// words at more characters than others do, and inserts only what is behind the last of them.
	head string
}

// readBash reads a command line. breaks are the characters at which bash breaks words.
func readBash(text, breaks string) bashLine {
	r := bashReader{breaks: breaks}
	for _, c := range text {
		r.next(c)
	}
	line := bashLine{open: r.open, head: r.head, redirects: r.redirects}
	words := append(r.words, r.word.String())
	for len(words) > 1 && isAssignment(words[0]) {
		words = words[1:]
	}
	line.words = words[1:] // without the program
	return line
}

// bashReader reads a command line character by character.
type bashReader struct {
	breaks    string
	words     []string
	word      strings.Builder // that is being read
	in        bool            // a word is being read, maybe an empty one
	open      rune            // the quote that is open
	escaped   bool            // by a backslash
	head      string
	redirects bool
}

func (r *bashReader) next(c rune) {
	switch {
	case r.escaped:
		r.escaped = false
		if r.open == '"' && !strings.ContainsRune("$`\"\\", c) {
			r.word.WriteByte('\\')
		}
		r.word.WriteRune(c)
	case c == '\\' && r.open != '\'':
		r.escaped, r.in = true, true
	case r.open != 0 && c == r.open:
		r.open = 0
	case r.open != 0:
		r.word.WriteRune(c)
	default:
		r.plain(c)
	}
}

// plain reads a character that is in no quotes.
func (r *bashReader) plain(c rune) {
	switch c {
	case '\'', '"':
		r.open, r.in = c, true
		r.head = r.word.String()
	case ' ', '\t', '\n':
		r.end()
	case '<', '>':
		r.end()
		r.redirects = true
	default:
		r.word.WriteRune(c)
		r.in = true
		if strings.ContainsRune(r.breaks, c) {
			r.head = r.word.String()
		}
	}
}

// end ends a word. One that a redirection leads to is none of the command.
func (r *bashReader) end() {
	if !r.in {
		return
	}
	if !r.redirects {
		r.words = append(r.words, r.word.String())
	}
	r.word.Reset()
	r.head, r.in, r.redirects = "", false, false
}

// isAssignment reports whether a word is a variable that is set for the command.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"+
		"abcdefghijklmnopqrstuvwxyz_0123456789") == ""
}

// insert returns what bash is to insert for a word: that of it which is not there, quoted. ok is
// false for a word that cannot be written in the quotes that are open.
func (l bashLine) insert(word string) (text string, ok bool) {
	text, found := strings.CutPrefix(word, l.head)
	if !found {
		return "", false
	}
	switch l.open {
	case '\'':
		return text, !strings.ContainsRune(text, '\'')
	case '"':
		// The history's ! is expanded in double quotes, whatever is before it.
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(text),
			!strings.ContainsRune(text, '!')
	}
	var b strings.Builder
	for _, r := range text {
		plain := r >= 0x80 || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' ||
			r >= 'a' && r <= 'z' || strings.ContainsRune("-_./:@%+,=", r)
		if !plain {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String(), true
}
