package manual

import (
	"embed"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// others are pages that are about no command. The first line of each is its summary; a line that
// begins with "# " begins a section.
//
//go:embed pages
var others embed.FS

// otherSheets returns the manual pages that are about no command.
func (b Book) otherSheets(app *cli.App) []Sheet {
	sheets := []Sheet{b.other(Program+"-share", 7), b.other("mount.fuse."+Program, 8)}
	r := &roff{}
	r.WriteString(sheets[1].Roff)
	if mount := app.Command("mount"); mount != nil {
		r.section("Options")
		r.mountOptions(b.Page(mount))
	}
	r.references([]string{
		Program + "-mount(1)", Program + "-unmount(1)", Program + "(1)",
		"mount(8)", "fstab(5)", "systemd.mount(5)",
	})
	sheets[1].Roff = r.String()
	r = &roff{}
	r.WriteString(sheets[0].Roff)
	r.references([]string{Program + "(1)", Program + "-list(1)", "mount.fuse." + Program + "(8)"})
	sheets[0].Roff = r.String()
	return sheets
}

// other returns a page without its last sections.
func (b Book) other(name string, section int) Sheet {
	text, err := others.ReadFile(fmt.Sprintf("pages/%s.%d.txt", name, section))
	if err != nil {
		text = []byte(err.Error()) // the compiler embeds them; the test of all pages would see it
	}
	summary, rest, _ := strings.Cut(string(text), "\n")
	r := &roff{}
	r.head(name, section, b.Version, b.Date, summary)
	for part := range strings.SplitSeq("\n"+rest, "\n# ") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		title, said, _ := strings.Cut(part, "\n")
		r.section(title)
		r.text(said)
	}
	return Sheet{name, section, r.String()}
}

// mountOptions writes the flags of mount as options of mount(8).
func (r *roff) mountOptions(p Page) {
	for _, g := range p.Groups {
		titled := false
		for _, f := range g.Flags {
			if !cmdline.IsMountOption(f.Names[0]) {
				continue
			}
			if !titled {
				r.subsection(g.Title)
				titled = true
			}
			head := bold(strings.ReplaceAll(f.Names[0], "-", "_"))
			if f.Value != "" {
				head += "=" + italic(f.Value)
			}
			r.item(head, f.Said())
		}
	}
}
