package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// parsed is what the command line library makes of a command line.
type parsed struct {
	command string
	flags   map[string]string
	args    []string
}

func (p parsed) String() string { return fmt.Sprintf("%s %v %q", p.command, p.flags, p.args) }

// parseBy passes a command line to the library unchanged.
func parseBy(args []string) (p parsed, err error) {
	app := newApp()
	app.Writer, app.ErrWriter = io.Discard, io.Discard
	for _, c := range app.Commands {
		c.Before = nil
		c.Action = func(ctx *cli.Context) error {
			p = parsed{command: c.Name, flags: map[string]string{},
				args: slices.Clone(ctx.Args().Slice())}
			for _, f := range c.Flags {
				name := f.Names()[0]
				switch {
				case !ctx.IsSet(name):
				case name == "salvage":
					p.flags[name] = ctx.Generic("salvage").(*salvageMode).String()
				default:
					p.flags[name] = fmt.Sprint(ctx.Value(name))
				}
			}
			return nil
		}
	}
	err = app.Run(args)
	return p, err
}

// fuzzWords are pieces of command lines, so that a fuzzer need not invent them.
var fuzzWords = []string{
	"8473", "keep", "x.raw", "-", "--force", "-y", "--yes=false", "-yj", "--jobs", "-j", "3",
	"--jobs=4", "-j=5", "--share", "S", "--share=T",
	"--salvage", "--salvage=keep", "--json", "-json=true", "--volume", "--backup", "--backup=a",
	"b", "--refresh", "5s", "--", "", "--odd", "-1", "--run", "--help", "--target", "-jy",
	"--delta",
}

// FuzzArrange compares arrange with the library. Flags with their values in any order among the
// arguments must give what the library makes of the flags first, "--", and the arguments; and the
// library must accept what arrange does not refuse.
func FuzzArrange(f *testing.F) {
	f.Add(byte(0), []byte{0, 4, 2, 8, 10, 17})
	f.Add(byte(1), []byte{13, 14, 0, 26, 4, 3})
	f.Add(byte(2), []byte{7, 10, 0, 2, 16})
	f.Add(byte(3), []byte{0, 8})
	f.Fuzz(func(t *testing.T, which byte, pieces []byte) {
		if len(pieces) > 12 {
			return
		}
		commands := []string{"materialize", "mount", "verify", "list", "overlay"}
		command := commands[int(which)%len(commands)]
		var line []string
		for _, p := range pieces {
			line = append(line, fuzzWords[int(p)%len(fuzzWords)])
		}
		if slices.Contains(line, "--help") {
			return // prints and ends
		}
		arranged, err := cmdline.Arrange(newApp(),
			slices.Concat([]string{"restorefs", command}, line))
		if err != nil {
			if exitcode.Of(err) != exitcode.Usage {
				t.Fatalf("%q: %v is no usage error", line, err)
			}
		} else if got, err := parseBy(arranged); err != nil &&
			!strings.HasPrefix(err.Error(), "Cannot use two forms of the same flag") {
			t.Fatalf("%q became %q, which the library refuses: %v", line, arranged, err)
		} else if err == nil && slices.Contains(line, "--") {
			behind := line[slices.Index(line, "--")+1:]
			if len(got.args) < len(behind) || !slices.Equal(got.args[len(got.args)-len(behind):],
				behind) {
				t.Fatalf("%q: what stands behind -- became %v", line, got)
			}
		}
		// Units chosen and shuffled by the fuzzer, and sorted.
		units := [][]string{{"--share", "S"}, {"--share=T"}, {"--json"}, {"--jobs", "3"}, {"-j=4"},
			{"--memory", "1GiB"}, {"--debug"}, {"--log-format", "json"}}
		var shuffled, flags, args []string
		for i, p := range pieces {
			if p&1 == 0 {
				arg := fmt.Sprintf("arg%d", i)
				shuffled, args = append(shuffled, arg), append(args, arg)
				continue
			}
			unit := units[int(p>>1)%len(units)]
			shuffled, flags = append(shuffled, unit...), append(flags, unit...)
		}
		sorted := slices.Concat([]string{"restorefs", "verify"}, flags, []string{"--"}, args)
		want, wantErr := parseBy(sorted)
		for _, line := range [][]string{
			slices.Concat([]string{"restorefs", "verify"}, shuffled),
			sorted,
			slices.Concat([]string{"restorefs"}, flags, []string{"verify"}, args),
		} {
			arranged, err := cmdline.Arrange(newApp(), line)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			got, gotErr := parseBy(arranged)
			if got.String() != want.String() || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
				t.Fatalf("%q: %v, %v; the library makes of %q: %v, %v", line, got, gotErr, sorted,
					want, wantErr)
			}
		}
	})
}
