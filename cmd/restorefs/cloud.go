package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func cloudFlag() cli.Flag {
	return &cli.StringFlag{Name: "os-cloud", EnvVars: []string{"OS_CLOUD"},
		Usage: "the cloud `NAME` in clouds.yaml; without it, the OS_* variables of an openrc"}
}

// connectCloud logs in to the cloud that the flags and the environment say. The
// caller closes the client.
func connectCloud(c *cli.Context) (*cinderapi.Client, error) {
	return cinderapi.Connect(c.Context, cinderapi.Options{Cloud: c.String("os-cloud"), Logger: newLogger(c)})
}
