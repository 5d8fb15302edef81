package main

import (
	"context"
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

// connect logs in to the cloud of that name in clouds.yaml or, without one, to that of the
// environment. The caller closes the client.
func (o common) connect(ctx context.Context, cloud string) (*cinderapi.Client, error) {
	return cinderapi.Connect(ctx, cinderapi.Options{Cloud: cloud, Logger: o.log})
}

// cloudFlags are the flags of materialize about a volume of a cloud.
type cloudFlags struct {
	name         string // of the cloud
	volume       string // id, "" for none
	rule         string
	noMetadata   bool
	metadataOnly bool
	newVolume    bool
	wish         cloud.Wish // for a new volume
	devicePath   string
	attach       bool
	server       string
	cleanup      bool
}

// cloudOptions returns what the flags of materialize say about a volume of the cloud, and checks
// that they go together.
func (o materializeOptions) cloudOptions() (cloud.Options, error) {
	f := o.cloud
	out := cloud.Options{
		Rule: cinderapi.Rule(f.rule), NoMetadata: f.noMetadata, NoData: f.metadataOnly,
		Server: f.server, Cleanup: f.cleanup, Logger: o.log,
		Tell: func(line string) { fmt.Fprintln(o.Err, wording.Printable(line)) },
		Advice: cloud.Advice{
			DataAlone:  "restore without --volume, then the metadata with --metadata-only",
			ThisServer: "say --server with its id",
			OwnDevice:  "give its device as TARGET",
			OtherType:  "--type chooses another",
		},
	}
	switch {
	case out.Rule != cinderapi.RuleBackup && out.Rule != cinderapi.RuleCinder:
		return out, cmdline.Usagef("--metadata-rule is %s or %s", cinderapi.RuleBackup, cinderapi.RuleCinder)
	case out.NoMetadata && out.NoData:
		return out, cmdline.Usagef("--no-metadata and --metadata-only leave nothing to do")
	case out.NoData && f.volume == "":
		return out, cmdline.Usagef("--metadata-only needs --volume ID: the volume whose metadata is restored")
	}
	return out, nil
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
