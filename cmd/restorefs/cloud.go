package main

import (
	"github.com/urfave/cli/v2"
)

func cloudFlag() cli.Flag {
	return &cli.StringFlag{Name: "os-cloud", EnvVars: []string{"OS_CLOUD"},
		Usage: "the cloud `NAME` in clouds.yaml; without it, the OS_* variables of an openrc"}
}
