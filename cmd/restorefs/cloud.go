package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func cloudFlag() cli.Flag {
	return &cli.StringFlag{Name: "os-cloud", EnvVars: []string{"OS_CLOUD"},
		Usage: "the cloud `NAME` in clouds.yaml; without it, the OS_* variables of an openrc"}
}

// connectCloud logs in to the cloud that the flags and the environment name. The caller closes the
// client.
func connectCloud(c *cli.Context) (*cinderapi.Client, error) {
	return cinderapi.Connect(c.Context, cinderapi.Options{Cloud: c.String("os-cloud"), Logger: newLogger(c)})
}

// cloudOptions reads what the flags of materialize say about a volume of the cloud, and checks that
// they go together.
func cloudOptions(c *cli.Context) (cloud.Options, error) {
	o := cloud.Options{
		Rule: cinderapi.Rule(c.String("metadata-rule")), NoMetadata: c.Bool("no-metadata"), NoData: c.Bool("metadata-only"),
		Server: c.String("server"), Cleanup: c.Bool("cleanup"), Logger: newLogger(c),
		Tell: func(line string) { fmt.Fprintln(c.App.ErrWriter, wording.Printable(line)) },
		Advice: cloud.Advice{
			DataAlone:  "restore without --volume, then the metadata with --metadata-only",
			ThisServer: "say --server with its id",
			OwnDevice:  "give its device as TARGET",
			OtherType:  "--type chooses another",
		},
	}
	switch {
	case o.Rule != cinderapi.RuleBackup && o.Rule != cinderapi.RuleCinder:
		return o, cmdline.Usagef("--metadata-rule is %s or %s", cinderapi.RuleBackup, cinderapi.RuleCinder)
	case o.NoMetadata && o.NoData:
		return o, cmdline.Usagef("--no-metadata and --metadata-only leave nothing to do")
	case o.NoData && c.String("volume") == "":
		return o, cmdline.Usagef("--metadata-only needs --volume ID: the volume whose metadata is restored")
	}
	return o, nil
}

// inFlags adds to an error about a volume of the cloud which flags can help.
func inFlags(err error) error {
	if untyped, ok := errors.AsType[*cloud.NoTypeError](err); ok {
		return cmdline.Usagef("backup %s is of an encrypted volume, which can only be read on a volume of the same volume type: say it with --type; it was %s", untyped.Backup, untyped.Was)
	}
	if _, ok := errors.AsType[*cloud.TakenError](err); ok {
		return fmt.Errorf("%w: when nobody else uses it, run the same command again with --delta --force", err)
	}
	return err
}
