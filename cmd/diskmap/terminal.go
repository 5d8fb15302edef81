package diskmap

import (
	"fmt"
	"io"
	"strings"
)

const (
	labelWidth  = 10 // of the offset that stands before a line
	minWidth    = 16 // cells of a line at least
	pictureHigh = 16 // lines
)

// TerminalCells returns how many cells a picture in a terminal of that many columns has.
func TerminalCells(columns int, colour bool) int {
	n := lineCells(columns) * pictureHigh
	if colour {
		n *= 2
	}
	return n
}

// lineCells returns how many cells stand side by side.
func lineCells(columns int) int {
	const atEnd = 6 // for the partitions that begin in the line
	// Of eight, so that lines begin at round numbers.
	return max(minWidth, min(columns-labelWidth-atEnd, 256)) / 8 * 8
}

// Print draws a map for a terminal of that many columns: in colour with two cells above each other
// in each character, otherwise with a letter for each cell, a small one if most of it is zero.
func (m *Map) Print(w io.Writer, n Notes, columns int, colour bool) error {
	var b strings.Builder
	for _, line := range m.title() {
		fmt.Fprintln(&b, line)
	}
	wide, high := lineCells(columns), 1
	if colour {
		high = 2
	}
	for first := 0; first < len(m.Cells); first += wide * high {
		off := int64(first) * m.CellBytes
		fmt.Fprintf(&b, "%*s ", labelWidth-1, shortSize(off))
		if colour {
			m.halfBlocks(&b, first, wide)
		} else {
			m.letters(&b, first, wide)
		}
		for _, number := range n.begins(off, off+int64(wide*high)*m.CellBytes) {
			fmt.Fprintf(&b, " <%d", number)
		}
		b.WriteByte('\n')
	}
	for _, k := range m.legend() {
		mark := string(k.letter)
		if colour {
			mark = fmt.Sprintf("\033[48;5;%dm  \033[0m", k.terminal)
		}
		fmt.Fprintf(&b, "%s %s\n", mark, k.text)
	}
	for _, line := range n.lines() {
		fmt.Fprintln(&b, line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// halfBlocks draws two rows of cells, each character the upper one's before the lower one's colour.
func (m *Map) halfBlocks(b *strings.Builder, first, wide int) {
	last := ""
	for i := first; i < min(first+wide, len(m.Cells)); i++ {
		colours := fmt.Sprintf("\033[38;5;%d", m.shown(m.Cells[i]).terminal)
		if below := i + wide; below < len(m.Cells) {
			colours += fmt.Sprintf(";48;5;%dm", m.shown(m.Cells[below]).terminal)
		} else {
			colours += ";49m"
		}
		if colours != last {
			b.WriteString(colours)
			last = colours
		}
		b.WriteString("▀")
	}
	b.WriteString("\033[0m")
}

func (m *Map) letters(b *strings.Builder, first, wide int) {
	for i := first; i < min(first+wide, len(m.Cells)); i++ {
		letter := m.shown(m.Cells[i]).letter
		if m.part(i) < 0.5 && letter >= 'A' && letter <= 'Z' {
			letter += 'a' - 'A'
		}
		b.WriteByte(letter)
	}
}

// shortSize returns an offset with no more digits than a label has place for.
func shortSize(n int64) string {
	units := []string{"B", "K", "M", "G", "T", "P"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if v == float64(int64(v)) {
		return fmt.Sprintf("%.0f%s", v, units[i])
	}
	return fmt.Sprintf("%.1f%s", v, units[i])
}
