package files

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// Order is an order of files that were found.
type Order string

// The orders.
const (
	ByName Order = ""     // as a walk finds them, by name in each directory
	BySize Order = "size" // the largest first
	ByTime Order = "time" // of change, the newest last
)

// ParseOrder takes the name of an order; "" is ByName.
func ParseOrder(text string) (Order, error) {
	switch o := Order(text); o {
	case ByName, BySize, ByTime:
		return o, nil
	case "name":
		return ByName, nil
	}
	return ByName, fmt.Errorf("--sort %s: it is name, size or time", text)
}

// sortedBytes bounds the memory for what is sorted.
const sortedBytes = 16 << 20

// Sorter puts files in order, with the text that is said of each. Of more than there is memory for
// it keeps the largest, or the newest.
type Sorter struct {
	by    Order
	kept  []sorted // a heap: what would go next is first
	room  int
	total int // files that came
}

type sorted struct {
	key  int64 // bytes or seconds: what is kept longest has the largest
	nano int   // of a time
	path string
	text string
}

func (s sorted) bytes() int { return len(s.path) + len(s.text) + 64 }

func (s sorted) compare(o sorted) int {
	return cmp.Or(cmp.Compare(s.key, o.key), cmp.Compare(s.nano, o.nano))
}

// NewSorter returns a Sorter for an order that is not ByName.
func NewSorter(by Order) *Sorter { return &Sorter{by: by, room: sortedBytes} }

// Add adds a file.
func (s *Sorter) Add(n *Node, text string) {
	one := sorted{key: n.Attr.Size, path: n.Path, text: text}
	if s.by == ByTime {
		one.key, one.nano = n.Attr.Mtime.Unix(), n.Attr.Mtime.Nanosecond()
	}
	s.total++
	s.room -= one.bytes()
	heap.Push((*sortedHeap)(s), one)
	for s.room < 0 && len(s.kept) > 1 {
		gone := heap.Pop((*sortedHeap)(s)).(sorted)
		s.room += gone.bytes()
	}
}

// Each calls fn with the texts, in their order, and returns how many files were left out.
func (s *Sorter) Each(fn func(text string) error) (left int, err error) {
	slices.SortFunc(s.kept, func(a, b sorted) int {
		order := a.compare(b)
		if s.by == BySize {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.path, b.path))
	})
	for _, one := range s.kept {
		if err := fn(one.text); err != nil {
			return 0, err
		}
	}
	return s.total - len(s.kept), nil
}

// sortedHeap is a Sorter as a heap.
type sortedHeap Sorter

func (h *sortedHeap) Len() int           { return len(h.kept) }
func (h *sortedHeap) Less(i, j int) bool { return h.kept[i].compare(h.kept[j]) < 0 }
func (h *sortedHeap) Swap(i, j int)      { h.kept[i], h.kept[j] = h.kept[j], h.kept[i] }
func (h *sortedHeap) Push(x any)         { h.kept = append(h.kept, x.(sorted)) }
func (h *sortedHeap) Pop() any {
	last := h.kept[len(h.kept)-1]
	h.kept = h.kept[:len(h.kept)-1]
	return last
}
