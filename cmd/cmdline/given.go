package cmdline

import "slices"

// GivenFlag is a flag as it can be repeated in another command.
type GivenFlag struct {
	Name  string
	Words []string
}

// Given are the flags of a command line, in the order of --help.
type Given []GivenFlag

// At returns the flags with the shares at the places where they were found, which stand there also
// if they were not given.
func (g Given) At(places ...string) Given {
	rest := slices.DeleteFunc(slices.Clone(g), func(f GivenFlag) bool { return f.Name == "share" })
	flag := GivenFlag{Name: "share"}
	for _, place := range places {
		flag.Words = append(flag.Words, "--share", place)
	}
	return slices.Insert(rest, 0, flag)
}

// With returns the flags with another value of one that was given.
func (g Given) With(name, value string) Given {
	out := slices.Clone(g)
	for i, f := range out {
		if f.Name == name {
			out[i].Words = []string{FlagWord(name), value}
		}
	}
	return out
}

// Has reports whether a flag was given, on the command line or by the environment.
func (g Given) Has(name string) bool {
	return slices.ContainsFunc(g, func(f GivenFlag) bool { return f.Name == name })
}

// Only returns the words of those of the named flags that were given.
func (g Given) Only(names ...string) (words []string) {
	for _, name := range names {
		if i := slices.IndexFunc(g, func(f GivenFlag) bool { return f.Name == name }); i >= 0 {
			words = append(words, g[i].Words...)
		}
	}
	return words
}
