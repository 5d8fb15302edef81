package manual

import "strings"

// sections returns the commands in the order in which the help of the program lists them.
func sections() []Section {
	var out []Section
	of := func(title, commands string) {
		out = append(out, Section{title, strings.Fields(commands)})
	}
	of("See what there is", "list show map diff verify report")
	of("Get a disk back", "materialize live mount unmount status")
	of("Get files back", "ls find cat cp tar")
	of("For more than one night", "index overlay records")
	of("Before it is needed", "doctor completion demo")
	return out
}
