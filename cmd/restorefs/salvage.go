package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// salvageMode is --salvage, --salvage=zero or --salvage=keep.
type salvageMode string

// Set implements flag.Value.
func (m *salvageMode) Set(s string) error {
	switch s {
	case "true", "zero":
		*m = "zero"
	case "keep":
		*m = "keep"
	default:
		return fmt.Errorf("it is zero or keep")
	}
	return nil
}

// String implements flag.Value.
func (m *salvageMode) String() string { return string(*m) }

// IsBoolFlag allows the flag without a value (package flag).
func (m *salvageMode) IsBoolFlag() bool { return true }

// salvageFlag does not take the next argument as its value.
type salvageFlag struct{ *cli.GenericFlag }

// TakesValue implements cli.DocGenerationFlag.
func (salvageFlag) TakesValue() bool { return false }

// Values implements cmdline.ManyValued.
func (salvageFlag) Values() []string { return []string{"zero", "keep"} }

// String is what --help shows. The library would print "--salvage value".
func (f salvageFlag) String() string { return "--salvage[=zero|keep]\t" + f.Usage }

func newSalvageFlag() cli.Flag {
	return salvageFlag{&cli.GenericFlag{Name: "salvage", Value: new(salvageMode),
		Usage: "go on where the backup is damaged and nothing heals it: zero (the usual) puts " +
			"zeros there, keep leaves what TARGET holds"}}
}
