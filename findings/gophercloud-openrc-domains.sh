#!/bin/sh
# gophercloud v2.16.0, and the environment of an openrc as Horizon hands it out: a user and a project by name, the domain
# of each in OS_USER_DOMAIN_NAME and OS_PROJECT_DOMAIN_NAME.
# Expected: what AuthOptionsFromEnv makes of such an environment is enough to log in with.
# Seen: it knows neither variable and asks for OS_PROJECT_ID, though the project is named. With the project's id as well
# there is no error, and neither domain is in what it returns: Keystone cannot tell which user is meant. Only
# OS_DOMAIN_NAME, which such a file does not have, is read.
. "$(dirname "$0")/common"
modules github.com/gophercloud/gophercloud/v2@v2.16.0
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/gophercloud/gophercloud/v2/openstack"
)

func main() {
	o, err := openstack.AuthOptionsFromEnv()
	fmt.Println("error", err)
	fmt.Printf("user %q domain %q\n", o.Username, o.DomainName+o.DomainID)
}
GO
go build -o tried . >out 2>&1 || { cat out; cannot "the program does not build"; }
with() {
	env -i "$@" OS_AUTH_URL=https://keystone.example/v3 OS_USERNAME=demo OS_PASSWORD=secret OS_PROJECT_NAME=demo \
		OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=one ./tried
}
seen "with an openrc" "$(with | sed -n 1p)" "error Missing environment variable [OS_PROJECT_ID]"
seen "with the project's id as well" "$(with OS_PROJECT_ID=0123456789abcdef0123456789abcdef | tr '\n' ',')" \
	'error <nil>,user "demo" domain "",'
seen "with OS_DOMAIN_NAME as well" "$(with OS_DOMAIN_NAME=Default | tr '\n' ',')" \
	'error <nil>,user "demo" domain "Default",'
finish
