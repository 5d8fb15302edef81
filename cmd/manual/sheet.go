package manual

// Sheet is a manual page.
type Sheet struct {
	Name    string
	Section int    // 1 to 8
	Roff    string // its text, for man(1)
}
