package diskmap

import (
	"fmt"
	"html"
	"image/color"
	"strings"
)

// SVG returns the picture of a map as SVG, which needs nothing from elsewhere.
func (m *Map) SVG(n Notes) []byte {
	p := m.picture(n)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`viewBox="0 0 %d %d">`+"\n", p.width, p.height, p.width, p.height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="%s"/>`+"\n", hex(white))
	// Cells side by side of one colour are one rectangle, filled with a pattern of cells.
	fmt.Fprintf(&b, `<pattern id="cells" x="%d" width="%d" height="%d" `+
		`patternUnits="userSpaceOnUse"><rect width="%d" height="%d" fill="%s"/></pattern>`+"\n",
		pastLabels, cellSize, cellSize, cellSize-1, cellSize, hex(zeroShown.rgb))
	for _, r := range p.rects {
		fill := hex(r.fill)
		if r.cells {
			fill = "url(#cells)"
		}
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"`, r.x, r.y, r.w, r.h,
			fill)
		if r.says == "" {
			b.WriteString("/>\n")
			continue
		}
		fmt.Fprintf(&b, "><title>%s</title></rect>\n", html.EscapeString(r.says))
	}
	fmt.Fprintf(&b, `<g font-family="monospace" font-size="12" fill="%s">`+"\n", hex(black))
	for _, t := range p.labels {
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve" textLength="%d" `+
			`lengthAdjust="spacingAndGlyphs">%s</text>`+"\n", t.x, t.y,
			charWidth*len([]rune(t.says)), html.EscapeString(t.says))
	}
	b.WriteString("</g>\n</svg>\n")
	return []byte(b.String())
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
