package manual

import "time"

// Book is what help and manual pages are made of, besides the definitions of commands. It is not
// changed while it is used.
type Book struct {
	Sections []Section          // of commands
	Groups   []Group            // of flags, in the order in which help has them
	Examples map[string][]Usage // by command, "" for the program
	Topics   []Topic
	Version  string    // that manual pages are of
	Date     time.Time // that manual pages have; zero for none
}

// Section is a part of the list of commands.
type Section struct {
	Title    string
	Commands []string // their names, in the order in which they are listed
}

// Group is what some flags are for.
type Group struct {
	Title   string
	Command string   // the one command whose flags are meant, "" for each
	Flags   []string // their names, in the order in which they are listed
}

// Usage is a command that can be typed, and what it is good for; "" if the one before it says so.
type Usage struct{ What, Line string }

// Topic is what the descriptions of several commands have in common. Help says it in full only when
// it is asked for the topic.
type Topic struct {
	Name  string // as in "restorefs help NAME"
	Title string // of its section in a manual page
	About string // what it is, in a few words
	Brief string // what stands in its place in the help of a command, "" for nothing
	Text  string // as it is in descriptions
}

// Page is what is known of a command, or of the program.
type Page struct {
	Name     string // "" for the program
	Aliases  []string
	Summary  string
	Args     string // as in ArgsUsage
	Text     string // paragraphs; lines that begin with a space are not filled
	Examples []Usage
	Groups   []Flags
}

// Flags are flags for one purpose.
type Flags struct {
	Title  string
	Common bool // many commands have them
	Flags  []Flag
}

// Flag is a flag as help has it.
type Flag struct {
	Names    []string // without dashes, the long one first
	Value    string   // its placeholder, "" for a switch
	Optional bool     // the value is, and it is behind a =
	Text     string
	Default  string // "" for none that needs saying
	Env      []string
}

// Program is the name of the program that all pages are about.
const Program = "restorefs"
