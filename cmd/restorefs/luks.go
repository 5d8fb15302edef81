package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/keys"
)

// luksFlags are the flags of each command that reads encrypted volumes.
func luksFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "luks-key-file",
			Usage: "the key of encrypted volumes (LUKS) is in `FILE`: the secret of Barbican, or " +
				"its bytes in hexadecimal, as cryptsetup gets them from Cinder"},
		&cli.StringFlag{Name: "luks-passphrase-fd",
			Usage: "the same, read from the open descriptor `N`"},
		&cli.BoolFlag{Name: "luks-from-cloud", DisableDefaultText: true,
			Usage: "get the key of each encrypted volume from the cloud's Barbican, as the user " +
				"of --os-cloud or of the OS_* variables"},
	}
}

func keysOf(c *cli.Context) keys.Options {
	return keys.Options{File: c.String("luks-key-file"), FD: c.String("luks-passphrase-fd"),
		FromCloud: c.Bool("luks-from-cloud"), Cloud: c.String("os-cloud")}
}
