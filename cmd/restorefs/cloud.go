package main

import (
	"context"

	"github.com/urfave/cli/v2"

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
