package diskmap

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// PNG returns the picture of a map as PNG. Its letters are those of ASCII: others are shown as the
// sign of one that is missing.
func (m *Map) PNG(n Notes) ([]byte, error) {
	p := m.picture(n)
	img := image.NewRGBA(image.Rect(0, 0, p.width, p.height))
	draw.Draw(img, img.Bounds(), image.NewUniform(white), image.Point{}, draw.Src)
	for _, r := range p.rects {
		wide := r.w
		if r.cells {
			wide = cellSize - 1
		}
		for x := r.x; x < r.x+r.w; x += wide + 1 {
			draw.Draw(img, image.Rect(x, r.y, x+wide, r.y+r.h), image.NewUniform(r.fill),
				image.Point{}, draw.Src)
		}
	}
	pen := font.Drawer{Dst: img, Src: image.NewUniform(black), Face: basicfont.Face7x13}
	for _, t := range p.labels {
		pen.Dot = fixed.P(t.x, t.y)
		pen.DrawString(t.says)
	}
	var out bytes.Buffer
	err := png.Encode(&out, img)
	return out.Bytes(), err
}
