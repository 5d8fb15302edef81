package completion

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// Ask is the word by which the scripts ask the program.
const Ask = "__complete"

// What a script is to do besides offering candidates: the first line of an answer.
const (
	onlyWords = "words"
	orFiles   = "files" // files, too
	orDirs    = "dirs"  // directories, too
)

// Completer answers a shell.
type Completer struct {
	App    *cli.App
	Topics []string // that help knows
}

// Answer writes how the last word of a command line can go on. args are what a script gives behind
// Ask: for bash the characters at which it breaks words and the command line, for others their name
// and the words. Where there is nothing to say it says so.
func (c Completer) Answer(w io.Writer, args []string) error {
	var line bashLine
	shell, words := "", []string{""}
	if len(args) > 1 {
		shell, words = args[0], args[1:]
	}
	last := len(words) - 1
	switch shell {
	case "bash":
		line = readBash(words[last], words[0])
		words = line.words
	case "fish": // gives the word at the cursor as it is typed
		typed := readBash(Ask+" "+words[last], "").words
		words = append(slices.Clone(words[:last]), typed[len(typed)-1])
	}
	kind, found := onlyWords, []candidate(nil)
	switch {
	case line.redirects:
		kind = orFiles
	case len(words) > 0:
		kind, found = c.find(words)
	}
	var b strings.Builder
	b.WriteString(kind + "\n")
	for _, one := range found {
		text, ok := one.word, true
		switch shell {
		case "bash":
			text, ok = line.insert(one.word)
		default:
			text += "\t" + firstLine(one.about)
		}
		if ok {
			b.WriteString(text + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// firstLine returns text as it fits behind a candidate.
func firstLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// find returns what is to be offered for the last word.
func (c Completer) find(words []string) (kind string, found []candidate) {
	f := &finder{app: c.App, topics: c.Topics, u: cmdline.ReadUnfinished(c.App, words)}
	u, want := f.u, wanted{}
	switch {
	case u.Flag != nil:
		want = valueOf(u.Command, u.Flag)
	case strings.HasPrefix(u.Word, "-") && !u.NoFlags:
		f.flags()
	case u.Command == nil && len(u.Args) == 0:
		want.commands = true
	case u.Command != nil:
		want = argument(u.Command.ArgsUsage, u.Args)
	}
	for _, word := range want.words {
		f.offer(word, "")
	}
	if want.commands {
		f.commands()
	}
	if want.topics {
		for _, topic := range f.topics {
			f.offer(topic, "what is said once for many commands")
		}
	}
	if want.backups || want.volumes {
		f.names(want, source(u).load())
	}
	slices.SortFunc(f.out, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	f.out = slices.CompactFunc(f.out, func(a, b candidate) bool { return a.word == b.word })
	switch {
	case want.files:
		return orFiles, f.out
	case want.dirs:
		return orDirs, f.out
	}
	return onlyWords, f.out
}

// source returns where the names of the share are that the command line means.
func source(u cmdline.Unfinished) Source {
	return Source{
		Share: valueIn(u, "share"), Config: valueIn(u, "cinder-conf"),
		CacheDir: valueIn(u, "cache-dir"),
	}
}

// valueIn returns the value that a flag has in a command line: as it is given there or by the
// environment, or else its default; "" if the command has no such flag.
func valueIn(u cmdline.Unfinished, name string) string {
	if value := u.Given[name]; value != "" || u.Command == nil {
		return value
	}
	for _, f := range u.Command.Flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok || f.Names()[0] != name {
			continue
		}
		for _, env := range d.GetEnvVars() {
			if value := strings.TrimSpace(os.Getenv(env)); value != "" {
				return value
			}
		}
		if f, ok := f.(*cli.StringFlag); ok {
			return f.Value
		}
	}
	return ""
}
