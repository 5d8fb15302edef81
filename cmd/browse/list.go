package browse

import (
	"context"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// list writes the files of trees, with what line makes of each, or as JSON.
func (b *browser) list(ctx context.Context, nodes []*files.Node, listing files.Listing,
	line func(*files.Node) string, done string) (err error) {
	end := b.gather()
	defer func() {
		if failed := end(); err == nil {
			err = failed
		}
	}()
	say := func(n *files.Node) (string, error) { return line(n), nil }
	put := func(text string) error {
		_, err := io.WriteString(b.out, text)
		return err
	}
	listing.Failed = b.told
	var out *filereport.List
	if b.json {
		if out, err = filereport.NewList(b.out, b.backup, b.disk); err != nil {
			return err
		}
		say, put = filereport.Line, out.Add
		listing.Failed = func(path string, err error) {
			b.told(path, err)
			out.Fail(path, err)
		}
	}
	var sorter *files.Sorter
	if by := listing.Select.Sort; by != files.ByName {
		sorter = files.NewSorter(by)
	}
	listing.Found = func(n *files.Node) error {
		text, err := say(n)
		if err != nil {
			return err
		}
		if sorter == nil {
			return put(text)
		}
		sorter.Add(n, text)
		return nil
	}
	for _, n := range nodes {
		if err := listing.List(ctx, n); err != nil {
			return err
		}
	}
	if sorter != nil {
		if err := b.sorted(sorter, put); err != nil {
			return err
		}
	}
	if out != nil {
		if err := out.End(); err != nil {
			return err
		}
	}
	return b.result(done)
}

// sorted puts what a sorter has, and tells of what it has left out.
func (b *browser) sorted(sorter *files.Sorter, put func(string) error) error {
	left, err := sorter.Each(put)
	if err == nil && left > 0 {
		b.note(fmt.Sprintf("%s left out, the smallest or oldest, as so many are not sorted: "+
			"say more closely which are wanted", wording.Count(left, "file")))
	}
	return err
}
