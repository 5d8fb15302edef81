package browse

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/files"
)

// beginnings returns where to look: below a path, or in all file systems that are read.
func (b *browser) beginnings(below string) (nodes []*files.Node, err error) {
	if below != "" {
		n, err := b.find(below, true)
		if err != nil {
			return nil, err
		}
		return []*files.Node{n}, nil
	}
	var failed error
	for _, p := range b.disk.Parts {
		switch {
		case p.Readable():
			n, err := b.find(p.Name+":/", true)
			if err != nil {
				failed = errors.Join(failed, err)
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
		return nil, cmp.Or(failed, noFiles(b.disk))
	}
	if failed != nil {
		b.failed++
		fmt.Fprintf(b.err, "restorefs: %s%s\n", b.about, exitcode.Explain(advised(failed)))
	}
	return nodes, nil
}
