package main

import (
	"cmp"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/files"
)

func findCommand() *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "find files inside a backup's disk by their names",
		ArgsUsage: findUsage,
		Description: backupHelp + "\n" + filesHelp + `

PATTERN is matched with the name, or with the whole path if there is a slash in it:
* is any characters but a slash, ? one, [a-z] one of these. In quotes, or the shell
takes it. Without PATTERN all files are meant. One path a line.

With --all it takes a volume, by its name, its id or the start of that: in which of its
backups is the file, of which size and time of change? One line each, the newest last.`,
		Flags: filesFlagsOf(
			memoryToLook,
			jsonFlag(),
			&cli.BoolFlag{Name: "all", DisableDefaultText: true,
				Usage: "look in all backups of the VOLUME"},
			&cli.StringFlag{Name: "name", Usage: "the `PATTERN`"},
			&cli.StringFlag{Name: "below", Usage: "look below this `PATH`, not everywhere"},
			&cli.StringFlag{
				Name: "type",
				Usage: "only these `TYPES`: f file, d directory, l symbolic link, " +
					"p pipe, s socket, " +
					"b and c devices",
			},
			&cli.StringFlag{Name: "newer",
				Usage: "only files changed at this `TIME` (\"help time\") or later"},
			&cli.StringFlag{Name: "older", Usage: "only files changed before this `TIME`"},
			&cli.StringFlag{Name: "min-size", Usage: "only files of this `SIZE` or more"},
			&cli.StringFlag{Name: "max-size", Usage: "only files of this `SIZE` or less"},
			&cli.BoolFlag{
				Name:               "ignore-case",
				Aliases:            []string{"i"},
				Usage:              "take small and capital letters for the same",
				DisableDefaultText: true,
			},
			&cli.BoolFlag{
				Name:               "long",
				Aliases:            []string{"l"},
				Usage:              "print what ls prints of each",
				DisableDefaultText: true,
			},
			&cli.StringFlag{
				Name: "sort",
				Usage: "the files in the `ORDER` name (the usual), size (largest first) or time " +
					"(newest last)",
			},
			&cli.BoolFlag{
				Name: "print0",
				Usage: "print the paths as they are, each with a NUL behind it, " +
					"for xargs -0",
				DisableDefaultText: true,
			},
		),
		Action: runFind,
	}
}

const findUsage = "BACKUP|VOLUME [PATTERN]"

func runFind(c *cli.Context) error {
	want, err := selectOf(c)
	if err != nil {
		return err
	}
	all, least := c.Bool("all"), 1
	if all {
		least = 0 // FindAll has words of its own for that
	}
	o, err := filesOptionsOf(c, findUsage, least)
	if err != nil {
		return err
	}
	how := browse.FindOptions{Options: o, Want: want, Below: c.String("below"),
		Long: c.Bool("long"), Print0: c.Bool("print0")}
	if all {
		return browse.FindAll(c.Context, how)
	}
	return browse.Find(c.Context, how)
}

// selectOf reads which files are wanted.
func selectOf(c *cli.Context) (want files.Select, err error) {
	want = files.Select{
		Pattern: c.Args().Get(1), Kinds: c.String("type"), IgnoreCase: c.Bool("ignore-case"),
	}
	var errs [5]error
	want.MinBytes, errs[0] = sizeOf(c.String("min-size"))
	want.MaxBytes, errs[1] = sizeOf(c.String("max-size"))
	want.Newer, errs[2] = beginningOf("newer", c.String("newer"))
	want.Older, errs[3] = beginningOf("older", c.String("older"))
	want.Sort, errs[4] = files.ParseOrder(c.String("sort"))
	if err := cmp.Or(cmp.Or(errs[:]...), want.Check()); err != nil {
		return want, cmdline.WrongUsage(err)
	}
	if name := c.String("name"); name != "" {
		if c.NArg() > 1 {
			return want, cmdline.Usagef("find takes one PATTERN: --name %s, or %s", name,
				c.Args().Get(1))
		}
		want.Pattern = name
	}
	if n := c.NArg(); n > 2 {
		return want, cmdline.Usagef("find takes one PATTERN, not %d: put it in quotes, or the "+
			"shell makes names of it; --below says where to look", n-1)
	}
	return want, nil
}
