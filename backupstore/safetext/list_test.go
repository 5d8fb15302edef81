package safetext

import (
	"bytes"
	"testing"
)

func TestAListIsTheJSONOfASlice(t *testing.T) {
	type element struct {
		Name *string        `json:"name"`
		Of   []string       `json:"of"`
		Map  map[string]int `json:"map"`
	}
	name := nasty + "<&>\n"
	all := []element{{}, {&name, []string{"a", "b"}, map[string]int{"x": 1, "y": 2}}, {Of: []string{}}}
	for n := range len(all) + 1 {
		want, err := JSON(all[:n], true)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		list := NewList(&got)
		for _, e := range all[:n] {
			if err := list.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := list.End(); err != nil || got.String() != string(want) {
			t.Errorf("%d elements: %v\n%s\nnot\n%s", n, err, got.String(), want)
		}
	}
}
