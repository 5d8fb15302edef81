package files

import (
	"errors"
	"fmt"
	"testing"

	"github.com/restorefs/restorefs/fusefs/contents"
	"github.com/restorefs/restorefs/fusefs/inside"
)

func TestNoMoreFileSystemsAreOpenThanFour(t *testing.T) {
	d := &Disk{Disk: &inside.Disk{}, open: map[*inside.Part]*tree{},
		infos: map[*inside.Part]inside.Info{}}
	for i := range 100 {
		d.Parts = append(d.Parts, &inside.Part{Name: fmt.Sprint("vg/", i),
			Contents: contents.Contents{Kind: "made up"}})
	}
	for _, p := range d.Parts {
		if d.tree(p); d.open[p] == nil || len(d.open) > maxTrees || len(d.order) != len(d.open) {
			t.Fatalf("%d are open after %s", len(d.open), p.Name)
		}
	}
	if _, failed := errors.AsType[*inside.UnreadableError](d.tree(d.Parts[0]).err); !failed {
		t.Error("a part that holds nothing known was opened")
	}
}
