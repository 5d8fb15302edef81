package manual

import (
	"strings"
	"unicode/utf8"
)

// paragraph is a part of a text between empty lines.
type paragraph struct {
	lines []string
	asIs  bool // its lines are not to be filled
}

// paragraphs divides a text at its empty lines.
func paragraphs(text string) (out []paragraph) {
	for part := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		lines := strings.Split(strings.Trim(part, "\n"), "\n")
		if strings.TrimSpace(part) == "" {
			continue
		}
		out = append(out, paragraph{lines, strings.HasPrefix(lines[0], " ")})
	}
	return out
}

// fill breaks the words of a text into lines of so many columns. What is between double quotes is
// kept in one line, as it is to be typed.
func fill(text string, columns int) (lines []string) {
	line := ""
	for _, word := range joined(strings.Fields(text)) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= columns:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// joined joins words between double quotes to one, if these are not too many.
func joined(words []string) (out []string) {
	const most = 7
	for i := 0; i < len(words); i++ {
		word := words[i]
		if strings.Count(word, `"`)%2 == 1 {
			for n := 1; n < most && i+n < len(words); n++ {
				if strings.Count(words[i+n], `"`)%2 == 1 {
					word = strings.Join(words[i:i+n+1], " ")
					i += n
					break
				}
			}
		}
		out = append(out, word)
	}
	return out
}
