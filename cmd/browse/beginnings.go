package browse

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// mayHaveFiles says whether it is worth a try to open a part: it is of a kind that is read here, or
// what would tell its kind cannot be read, which another copy of that may tell, and is a failure.
func mayHaveFiles(p *inside.Part) bool { return p.Readable() || p.Kind == "" && p.Err != nil }

// beginnings returns where to look: below a path, or in all file systems that are read.
func (b *browser) beginnings(below string) (nodes []*files.Node, err error) {
	if below != "" {
		n, err := b.find(below, true)
		if err != nil {
			return nil, err
		}
		return []*files.Node{n}, nil
	}
	var failed []error
	for _, p := range b.disk.Parts {
		switch {
		case mayHaveFiles(p):
			n, err := b.find(p.Name+":/", true)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			nodes = append(nodes, n)
		case p.Container:
		case p.Kind != "" && p.Kind != "swap":
			b.note(fmt.Sprintf(
				"%s is not searched: it is %s, whose files are not read here", p.Name, p.Kind))
		}
	}
	if len(nodes) == 0 {
		return nil, cmp.Or(errors.Join(failed...), noFiles(b.disk))
	}
	for _, err := range failed {
		b.add(err)
		fmt.Fprintf(b.err, "restorefs: %s%s\n", b.about, exitcode.Explain(advised(err)))
	}
	return nodes, nil
}
