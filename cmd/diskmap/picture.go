package diskmap

import (
	"image/color"
	"strings"
	"unicode"

	"github.com/restorefs/restorefs/cmd/wording"
)

// picture is what SVG and PNG draw, in pixels.
type picture struct {
	width, height int
	rects         []rect
	labels        []label
}

type rect struct {
	x, y, w, h int
	fill       color.RGBA
	says       string // what it is, for whoever points at it
	cells      bool   // it is a number of cells side by side, with gaps
}

type label struct {
	x, y int // of its base line's beginning
	says string
}

const (
	// PictureCells is how many cells a picture in a file has.
	PictureCells = pictureWide * 64
	pictureWide  = 128

	cellSize   = 7 // pixels, one of which is the gap
	margin     = 16
	pastLabels = margin + 9*charWidth
	charWidth  = 7
	lineHeight = 17
	stripe     = 2 // pixels below a row of cells, for partitions
)

var (
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
	black = color.RGBA{0x20, 0x20, 0x20, 0xff}
	// partShown are the colours of partitions in turn.
	partShown = [2]color.RGBA{{0x20, 0x20, 0x20, 0xff}, {0x9a, 0x9a, 0x9a, 0xff}}
)

// picture draws a map.
func (m *Map) picture(n Notes) picture {
	p := picture{width: pastLabels + pictureWide*cellSize + margin}
	y := margin
	for _, line := range m.title() {
		y += lineHeight
		p.write(margin, y, line)
	}
	y += lineHeight
	const rowHeight = cellSize + stripe
	for first := 0; first < len(m.Cells); first += pictureWide {
		if first/pictureWide%4 == 0 {
			p.write(margin, y+cellSize+3, shortSize(int64(first)*m.CellBytes))
		}
		m.row(&p, first, y)
		m.stripes(&p, n, first, y+cellSize-1)
		y += rowHeight
	}
	y += lineHeight / 2
	for _, k := range m.legend() {
		y += lineHeight
		p.rects = append(p.rects, rect{x: margin, y: y - 10, w: 12, h: 12, fill: k.rgb})
		p.write(margin+20, y, k.text)
	}
	y += lineHeight / 2
	for _, line := range n.lines() {
		y += lineHeight
		p.write(margin, y, line)
	}
	p.height = y + margin
	return p
}

// row draws cells side by side. Cells of which little is data are paler.
func (m *Map) row(p *picture, first, y int) {
	end := min(first+pictureWide, len(m.Cells))
	for i := first; i < end; i++ {
		c, from := m.Cells[i], i
		r := rect{x: pastLabels + (i-first)*cellSize, y: y, w: cellSize - 1, h: cellSize - 1,
			fill: m.shown(c).rgb, says: wording.Size(int64(i)*m.CellBytes) + ": "}
		switch {
		case c.Layer >= 0:
			if c.Mark == Sound {
				r.fill = mixed(zeroShown.rgb, r.fill, 0.35+0.65*m.part(i))
			}
			r.says += wording.Size(c.Data) + " of " + m.Layers[c.Layer].Backup.ID
		case c.Mark == Sound:
			for i+1 < end && m.Cells[i+1].Layer < 0 && m.Cells[i+1].Mark == Sound {
				i++
			}
			r.w, r.cells = (i+1-from)*cellSize-1, true
			r.says += "zero"
		}
		if c.Mark != Sound {
			r.says += " " + c.Mark.String()
		}
		p.rects = append(p.rects, r)
	}
}

// stripes underlines the partitions of a row, in turns of two colours.
func (m *Map) stripes(p *picture, n Notes, first, y int) {
	from := int64(first) * m.CellBytes
	end := min(from+pictureWide*m.CellBytes, m.Size)
	turn := 0
	for _, part := range n.Parts {
		if part.Number == 0 {
			continue
		}
		turn++
		start, stop := max(part.Start, from), min(part.Start+part.Size, end)
		if start >= stop {
			continue
		}
		x := int((start - from) * cellSize / m.CellBytes)
		w := int((stop-from)*cellSize/m.CellBytes) - x
		p.rects = append(p.rects, rect{x: pastLabels + x, y: y, w: max(1, w), h: stripe,
			fill: partShown[turn%2]})
	}
}

// mixed returns a colour between two: the first at 0, the second at 1.
func mixed(a, b color.RGBA, t float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x) + t*(float64(y)-float64(x))) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// write adds a text, cut where the picture ends.
func (p *picture) write(x, y int, says string) {
	says = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, wording.Printable(says))
	if runes, most := []rune(says), (p.width-x-margin)/charWidth; len(runes) > most {
		says = string(runes[:most-3]) + "..."
	}
	p.labels = append(p.labels, label{x, y, says})
}
