package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// givenFlagsOf reads the flags of a command line.
func givenFlagsOf(c *cli.Context) (given cmdline.Given) {
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if !c.IsSet(name) {
			continue
		}
		var words []string
		switch f.(type) {
		case *cli.BoolFlag:
			if c.Bool(name) {
				words = []string{"--" + name}
			}
		case sharesFlag:
			for _, share := range sharesOf(c.Generic(name)) {
				words = append(words, "--"+name, share)
			}
		case salvageFlag:
			words = []string{"--" + name + "=" + fmt.Sprint(c.Generic(name))}
		default:
			words = []string{"--" + name, fmt.Sprint(c.Value(name))}
		}
		given = append(given, cmdline.GivenFlag{Name: name, Words: words})
	}
	return given
}
