package files

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/fusefs/inside"
)

func found(path string, size, seconds int64) *Node {
	return &Node{Path: path, Attr: inside.Attr{Size: size, Mtime: time.Unix(seconds, 0)}}
}

func TestFilesAreSortedBySizeOrTime(t *testing.T) {
	for by, want := range map[Order]string{BySize: "/c /a /b /d", ByTime: "/a /b /d /c"} {
		s := NewSorter(by)
		s.Add(found("/d", 1, 5), "/d")
		s.Add(found("/c", 9, 1<<40), "/c") // a year that nanoseconds do not reach
		s.Add(found("/b", 1, 5), "/b")
		s.Add(found("/a", 5, -1<<40), "/a")
		var got []string
		left, err := s.Each(func(text string) error { got = append(got, text); return nil })
		if err != nil || left != 0 || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %d, %v", by, got, left, err)
		}
	}
	if _, err := ParseOrder("age"); err == nil {
		t.Error("an order that there is not is taken")
	}
}

func TestOfTooManyFilesTheLargestAreKept(t *testing.T) {
	s := NewSorter(BySize)
	const n = 1000
	s.room = 100 * bare("/000", 1).bytes()
	for i := range n {
		name := fmt.Sprintf("/%03d", i*7%n)
		s.Add(found(name, int64(i*7%n), 0), name)
	}
	var got []string
	left, err := s.Each(func(text string) error { got = append(got, text); return nil })
	if err != nil || left != n-100 || len(got) != 100 || got[0] != "/999" || got[99] != "/900" {
		t.Errorf("%d left out, %v: %v", left, err, got)
	}
}

func bare(path string, key int64) sorted { return sorted{key: key, path: path, text: path} }
