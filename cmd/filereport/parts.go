package filereport

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// PrintParts lists the parts of the disk for people.
func PrintParts(w io.Writer, parts []*inside.Part) {
	for _, p := range parts {
		what := p.Kind
		switch {
		case p.Err != nil:
			what = "could not be looked into: " + p.Err.Error()
		case what == "":
			what = "nothing that is known here"
		}
		if p.Container {
			what += ", its volumes are listed by themselves"
		}
		if p.Label != "" {
			what += fmt.Sprintf(" %q", p.Label)
		}
		reads := ""
		if !p.Readable() && !p.Container && p.Kind != "" && p.Err == nil {
			reads = ", files not read here"
		}
		fmt.Fprintf(
			w,
			"%-5s %10s  %s%s\n",
			p.Name,
			wording.Size(p.Size),
			wording.Printable(wording.Cut(what, wording.MaxValue)),
			reads,
		)
	}
}
