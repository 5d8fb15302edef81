package diskmap

import (
	"fmt"
	"image/color"
	"time"

	"github.com/restorefs/restorefs/cmd/wording"
)

// shades of layers, the first for the backup itself and the last for the full one. Of a longer
// chain those between share the others.
const shades = 7

// shown is how a kind of cell is shown: in colour, in one of the 256 of a terminal, as a letter.
type shown struct {
	rgb      color.RGBA
	terminal int
	letter   byte
}

var (
	zeroShown   = shown{color.RGBA{0xe6, 0xe6, 0xe6, 0xff}, 237, '.'}
	healedShown = shown{color.RGBA{0xff, 0xd4, 0x00, 0xff}, 226, '+'}
	lostShown   = shown{color.RGBA{0xe0, 0x00, 0x20, 0xff}, 196, '!'}
	layerShown  = [shades]shown{
		{color.RGBA{0xf0, 0x7b, 0x1a, 0xff}, 208, 'A'},
		{color.RGBA{0x6a, 0xa8, 0x2e, 0xff}, 107, 'B'},
		{color.RGBA{0x1f, 0x9e, 0x89, 0xff}, 36, 'C'},
		{color.RGBA{0x2b, 0x83, 0xba, 0xff}, 32, 'D'},
		{color.RGBA{0x5e, 0x5a, 0xb8, 0xff}, 61, 'E'},
		{color.RGBA{0x99, 0x5f, 0xa3, 0xff}, 97, 'F'},
		{color.RGBA{0x54, 0x6b, 0x7d, 0xff}, 66, 'G'},
	}
)

// shadeOf returns the shade of a layer of a chain of n.
func shadeOf(layer, n int) int {
	switch {
	case n <= shades:
		return layer
	case layer == 0:
		return 0
	case layer == n-1:
		return shades - 1
	}
	return 1 + (layer-1)*(shades-2)/(n-2)
}

// shown returns how a cell is shown.
func (m *Map) shown(c Cell) shown {
	switch {
	case c.Mark == Lost:
		return lostShown
	case c.Mark == Healed:
		return healedShown
	case c.Layer < 0:
		return zeroShown
	}
	return layerShown[shadeOf(c.Layer, len(m.Layers))]
}

// part returns how much of a cell has data, within [0, 1].
func (m *Map) part(i int) float64 {
	length := min(m.CellBytes, m.Size-int64(i)*m.CellBytes)
	return float64(m.Cells[i].Data) / float64(length)
}

// key is a line of the legend.
type key struct {
	shown
	text string
}

// legend explains what a picture shows, the kinds that it does not have left out.
func (m *Map) legend() (keys []key) {
	type group struct {
		n        int
		bytes    int64
		from, to time.Time
		id       string
	}
	var groups [shades]group
	for i, l := range m.Layers {
		g := &groups[shadeOf(i, len(m.Layers))]
		if g.n == 0 {
			g.to, g.id = l.Backup.CreatedAt, l.Backup.ID
		}
		g.n, g.bytes, g.from = g.n+1, g.bytes+l.Bytes, l.Backup.CreatedAt
	}
	const day = "2006-01-02 15:04"
	for i, g := range groups {
		what := "increment " + g.id + ","
		switch {
		case g.n == 0:
			continue
		case i == 0:
			what = "this backup,"
		case g.n > 1:
			what = fmt.Sprintf("%d increments, from %s to", g.n, g.from.Format(day))
		case g.id == m.Layers[len(m.Layers)-1].Backup.ID:
			what = "full backup " + g.id + ","
		}
		keys = append(keys, key{layerShown[i], fmt.Sprintf("%-10s %s %s", wording.Size(g.bytes),
			what, g.to.Format(day))})
	}
	keys = append(keys, key{zeroShown, fmt.Sprintf("%-10s zero", wording.Size(m.Zero))})
	worst := map[Mark]int{}
	for _, c := range m.Cells {
		worst[c.Mark]++
	}
	if n := worst[Healed]; n > 0 {
		keys = append(keys, key{healedShown, fmt.Sprintf("%-10s damaged, and another backup had "+
			"the same bytes when it was proven", wording.Count(n, "cell"))})
	}
	if n := worst[Lost]; n > 0 {
		keys = append(keys, key{lostShown, fmt.Sprintf("%-10s damaged, and lost",
			wording.Count(n, "cell"))})
	}
	return keys
}
