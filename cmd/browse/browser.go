package browse

import (
	"fmt"
	"io"
	"strings"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// browser has the disk of a backup open, and tells what is to be known of it, each thing once.
type browser struct {
	out, err io.Writer
	lines    *lines // that wait to be written to out; or nil
	json     bool
	backup   string // its id
	disk     *files.Disk
	about    string // what notes begin with
	noted    map[string]bool
	tally
}

// find finds a file that an argument names.
func (b *browser) find(path string, follow bool) (*files.Node, error) {
	n, note, err := b.disk.Find(path, follow)
	if err != nil {
		return nil, err
	}
	if note != "" {
		b.note(note)
	}
	return n, nil
}

// findEach is find for several arguments.
func (b *browser) findEach(paths []string) ([]*files.Node, error) {
	var out []*files.Node
	for _, path := range paths {
		n, err := b.find(path, false)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// notes tells what the file systems that were opened say of themselves.
func (b *browser) notes() {
	for _, p := range b.disk.Parts {
		info, ok := b.disk.Opened(p)
		if !ok {
			continue
		}
		if strings.HasPrefix(info.Journal, "not replayed") {
			b.note(fmt.Sprintf(
				"%s: its journal is %s: what it holds may be old, or contradict itself",
				p.Name,
				info.Journal,
			))
		}
		for _, note := range info.Notes {
			b.note(p.Name + ": " + note)
		}
	}
}

func (b *browser) note(text string) {
	if b.noted == nil {
		b.noted = map[string]bool{}
	}
	if !b.noted[text] {
		b.noted[text] = true
		b.lines.flush() // console.CheckedWriter keeps the error
		fmt.Fprintf(b.err, "note    %s%s\n", b.about, wording.Printable(text))
	}
}

// told prints a file that failed.
func (b *browser) told(path string, err error) {
	b.add(err)
	b.lines.flush()
	fmt.Fprintf(b.err, "restorefs: %s: %s\n", filereport.Name(path), exitcode.Explain(err))
}

// left prints a file that was left out.
func (b *browser) left(path, why string) {
	b.lines.flush()
	fmt.Fprintf(b.err, "left out: %s: %s\n", filereport.Name(path), why)
}
