package completion

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// candidate is how the word at the cursor can go on.
type candidate struct {
	word  string // the whole word
	about string // "" for nothing
}

// maxUnasked is how many ids are offered before anything is typed of one.
const maxUnasked = 100

// finder gathers the candidates of one command line.
type finder struct {
	app    *cli.App
	topics []string
	u      cmdline.Unfinished
	out    []candidate
}

// offer adds a candidate if the word begins like it.
func (f *finder) offer(word, about string) {
	if strings.HasPrefix(word, f.u.Word) {
		f.out = append(f.out, candidate{f.u.Prefix + word, about})
	}
}

// flags offers the flags of the command, or of the program.
func (f *finder) flags() {
	if f.u.Command != nil {
		for _, flag := range f.u.Command.Flags {
			about := ""
			if doc, ok := flag.(cli.DocGenerationFlag); ok {
				about = strings.ReplaceAll(doc.GetUsage(), "`", "")
			}
			f.offer(cmdline.FlagWord(flag.Names()[0]), about)
		}
	} else {
		f.offer("--version", "say the version")
	}
	f.offer("--help", "say how it is used")
}

func (f *finder) commands() {
	for _, c := range f.app.Commands {
		if !c.Hidden || c.Name == "help" {
			f.offer(c.Name, c.Usage)
		}
		for _, alias := range c.Aliases {
			if f.u.Word != "" {
				f.offer(alias, "the same as "+c.Name)
			}
		}
	}
}

// names offers backups and volumes.
func (f *finder) names(w wanted, k known) {
	base, _, behind := cutLast(f.u.Word, "@")
	for _, v := range k.volumes {
		if behind && w.backups && (base == v.name || base == v.id) {
			f.times(v, base)
		}
		f.volume(v, w)
		for _, b := range v.backups {
			if !w.backups {
				break
			}
			if f.u.Word != "" || k.backups <= maxUnasked {
				f.offer(b.ID, described(v, b))
			}
			if b.Name != nil && typeable(*b.Name) {
				f.offer(*b.Name, described(v, b))
			}
		}
	}
}

// volume offers what a volume is called; where a backup is wanted, the newest one of it.
func (f *finder) volume(v *volume, w wanted) {
	newest, about := "", "volume "+v.id
	if w.backups {
		newest, about = "@latest", "the newest backup of "+about
	}
	if typeable(v.name) && (w.volumes || w.backups) {
		f.offer(v.name+newest, about)
	}
	if w.volumes && f.u.Word != "" {
		f.offer(v.id, about)
	}
}

// times offers the backups of a volume by their times.
func (f *finder) times(v *volume, base string) {
	if !typeable(base) {
		return
	}
	if base == v.id {
		f.offer(base+"@latest", "the newest backup")
	}
	for _, b := range v.backups {
		f.offer(base+"@"+b.CreatedAt.UTC().Format("2006-01-02T15:04:05"), described(v, b))
	}
}

// cutLast divides s at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
