package completion

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// wanted is what can stand at the cursor.
type wanted struct {
	words            []string // that are meant literally
	backups, volumes bool
	commands, topics bool
	files, dirs      bool
}

// add completes w by what the placeholder of an argument or a value stands for.
func (w *wanted) add(placeholder string) {
	switch placeholder {
	case "BACKUP", "A", "B":
		w.backups = true
	case "VOLUME":
		w.volumes = true
	case "COMMAND":
		w.commands = true
	case "TOPIC":
		w.topics = true
	case "FILE", "DEVICE", "TARGET", "DEST":
		w.files = true
	case "DIRECTORY", "DIR", "MOUNTPOINT":
		w.dirs = true
	default:
		if placeholder == strings.ToLower(placeholder) {
			w.words = append(w.words, placeholder)
		}
	}
}

// valueOf returns what the value of a flag can be.
func valueOf(command *cli.Command, f cli.Flag) (w wanted) {
	name := f.Names()[0]
	if many, ok := f.(cmdline.ManyValued); ok {
		w.words = many.Values()
		return w
	}
	if words := cmdline.Choices(command, name); len(words) > 0 {
		w.words = words
		return w
	}
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		if parts := strings.Split(doc.GetUsage(), "`"); len(parts) > 2 {
			w.add(parts[1])
		}
	}
	return w
}

// argument returns what can stand behind some arguments of a command, by how its usage has them.
func argument(usage string, before []string) (w wanted) {
	for form := range strings.SplitSeq(usage, " | ") {
		tokens := strings.Fields(form)
		for i := range reach(tokens, before) {
			name := strings.Trim(strings.TrimSuffix(strings.Trim(tokens[i], "[]"), "..."), "[]")
			for part := range strings.SplitSeq(name, "|") {
				w.add(part)
			}
		}
	}
	return w
}

// reach returns at which tokens one can be behind some arguments. "..." says that there can be many
// of one.
func reach(tokens, before []string) map[int]bool {
	at := map[int]bool{0: true}
	for _, arg := range before {
		next := map[int]bool{}
		for i := range at {
			if i >= len(tokens) || literal(tokens[i]) && !slices.Contains(
				strings.Split(tokens[i], "|"), arg) {
				continue
			}
			next[i+1] = true
			if strings.Contains(tokens[i], "...") {
				next[i] = true
			}
		}
		at = next
	}
	delete(at, len(tokens))
	return at
}

// literal reports whether a token is a word that is to be typed as it is.
func literal(token string) bool { return token == strings.ToLower(token) }
