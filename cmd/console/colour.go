package console

import "os"

// Colour reports whether what is written to stdout may be coloured: it is a terminal, and nobody
// objects by NO_COLOR (https://no-color.org).
func Colour() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && OutIsTerminal()
}
